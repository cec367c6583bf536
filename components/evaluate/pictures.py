"""Images in the report: translations, and ranked lists of a few probes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from simpgan.components.core.data.decoded_images import read_decoded_images
from simpgan.components.core.data.image_tensors import iterate_batches, to_uint8, to_unit_range
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import NAMED
from simpgan.components.core.models.extraction import PreparedImages
from simpgan.components.core.models.model_folder import load_network, read_config
from simpgan.components.core.models.translator import Generator, GeneratorConfig
from simpgan.components.core.results.methods import METHODS, STATISTICS
from simpgan.components.core.training.device import choose_device
from simpgan.components.evaluate.data_sets import evenly_spread
from simpgan.components.evaluate.evaluation import ShownSplit, ids_or_unknown, ids_to_rank, places_in, ranking_of
from simpgan.components.evaluate.figures import Picture, Translations
from simpgan.components.evaluate.metrics import UNKNOWN, Gallery, ranked_list
from simpgan.components.evaluate.report import Match, RankedList, RankedProbe

LISTED = ("direct", *STATISTICS, *(name for name, method in METHODS.items() if "similarity" in method.losses))
"""Methods whose ranked lists are shown."""
TRANSLATIONS_SHOWN = 10
LIST_LENGTH = 10


def to_source(shown: ShownSplit) -> Translations:
    """Return some images of the target before and after translation by each F.

    They are probes of the split; without labels, any of its images.
    """
    target = shown.target
    rows = evenly_spread(target.probes(shown.split), TRANSLATIONS_SHOWN)
    before = pictures_of(target.manifest, rows, target.data_root)
    return {
        view.run.label(): beside(before, pictures_of(view.images.manifest, rows, target.data_root))
        for view in shown.translations
    }


def to_target(shown: ShownSplit) -> Translations:
    """Return some of the source's training images before and after translation by each known G."""
    source = shown.source.images
    rows = evenly_spread(shown.source.rows, TRANSLATIONS_SHOWN)
    before = pictures_of(source.manifest, rows, source.data_root)
    return {
        view.run.label(): beside(before, translated_by_g(source, rows, view.translator))
        for view in shown.translations
        if view.translator
    }


def beside(before: Sequence[Picture], after: Sequence[Picture]) -> list[tuple[Picture, Picture]]:
    """Pair pictures with their translations, in the same shape."""
    return [(original, resized(translation, original)) for original, translation in zip(before, after, strict=True)]


def translated_by_g(source: PreparedImages, rows: np.ndarray, translator: Path) -> list[Picture]:
    """Translate the images of `rows` into the target's style."""
    generator = Generator(GeneratorConfig.parse(read_config(translator)["generator"], stage="generator"))
    load_network(translator, "g", generator)
    device = choose_device()
    size = (generator.config.height, generator.config.width)
    [batch] = iterate_batches(source.data_root, source.manifest, rows, *size, len(rows))
    with torch.no_grad():
        images = to_uint8(generator.to(device).eval()(to_unit_range(batch.to(device))))
    return list(images.permute(0, 2, 3, 1).cpu().numpy())


def ranked_probes(shown: ShownSplit, count: int) -> list[RankedProbe]:
    """Return ranked lists by method of `count` probes, evenly spread over those with a correct match.

    All lists show the images as recorded; only the classifier's input differs.
    """
    target, of_methods = shown.target, [each for each in shown.evaluations if each.method in LISTED]
    query, gallery_rows = target.rows(shown.split, "query"), target.rows(shown.split, "gallery")
    chosen = evenly_spread(np.flatnonzero(ranking_of(of_methods[0]).first_rank > 0), count)
    person, camera = ids_to_rank(target.manifest)
    itself = places_in(gallery_rows, query)
    lists: dict[int, list[RankedList]] = {place: [] for place in chosen}
    for each in of_methods:
        assert each.features is not None, "cosine ranked the methods shown"
        gallery = Gallery(each.features.select(gallery_rows).unit, person[gallery_rows], camera[gallery_rows])
        for place in chosen:
            row = query[place]
            probe = each.features.select(query[place : place + 1]).unit[0]
            head, correct = ranked_list(probe, person[row], camera[row], gallery, own=itself[place], length=LIST_LENGTH)
            images = pictures_of(target.manifest, gallery_rows[head], target.data_root)
            matches = [Match(image, bool(right)) for image, right in zip(images, correct, strict=True)]
            lists[place].append(RankedList(each.label, matches, int(ranking_of(each).first_rank[place])))
    images = pictures_of(target.manifest, query[chosen], target.data_root)
    names = captions(target.manifest, query[chosen])
    return [RankedProbe(name, image, lists[place]) for place, name, image in zip(chosen, names, images, strict=True)]


def nearest_images(shown: ShownSplit, count: int) -> list[RankedProbe]:
    """Return the most similar images of other cameras, by method, for `count` images of a target without labels.

    Neighbouring pictures of one camera mostly show one person, so they are left out. If all images are from one camera,
    or it is unknown, they are used.
    """
    target = shown.target
    rows = target.searched([shown.split])
    camera = ids_or_unknown(target.manifest.images["camera"])[rows]
    probes = []
    for place in evenly_spread(np.arange(len(rows)), count):
        elsewhere = np.flatnonzero((camera != camera[place]) & (camera != UNKNOWN) & (camera[place] != UNKNOWN))
        others = elsewhere if len(elsewhere) else np.delete(np.arange(len(rows)), place)
        lists = []
        for each in shown.evaluations:
            if each.method in LISTED:
                assert each.features is not None, "a classifier looked"
                unit = each.features.select(rows).unit
                head = others[np.argsort(-(unit[others] @ unit[place]), kind="stable")[:LIST_LENGTH]]
                matches = [Match(image) for image in pictures_of(target.manifest, rows[head], target.data_root)]
                lists.append(RankedList(each.label, matches))
        [image] = pictures_of(target.manifest, rows[place : place + 1], target.data_root)
        [name] = captions(target.manifest, rows[place : place + 1])
        probes.append(RankedProbe(name, image, lists))
    return probes


def captions(manifest: Manifest, rows: np.ndarray) -> list[str]:
    """Return the names of images with their people and cameras, as far as they are known."""
    said = manifest.images["name"].iloc[rows]
    for label in NAMED:
        said = said + (f", {label} " + manifest.shown(label).iloc[rows]).fillna("")
    return said.tolist()


def pictures_of(manifest: Manifest, rows: np.ndarray, data_root: str) -> list[Picture]:
    """Return the images of `rows`, each in its own size."""
    return list(read_decoded_images(data_root, manifest, rows))


def resized(picture: Picture, like: Picture) -> Picture:
    """Resize a translation to the shape of its original."""
    height, width = like.shape[:2]
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
