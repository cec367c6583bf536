"""What the report shows of the images: translations, and ranked lists of a few probes."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from components.core.data.manifest import Manifest
from components.core.data.shards import read_images
from components.evaluate.evaluation import Evaluation, Split, known_or
from components.evaluate.figures import Picture, Translations
from components.evaluate.metrics import UNKNOWN, Gallery, ranked_list
from components.evaluate.report import Match, RankedList, RankedProbe

SHOWN = ("direct", "simpgan", "simpgan-fit")
TRANSLATIONS_SHOWN = 10
LIST_LENGTH = 10


def translations(recorded: Manifest, translated: Mapping[str, Manifest], split: Split, data_root: str) -> Translations:
    """Probes of the split, evenly spread, before and after translation by each method."""
    query = recorded.rows(split.protocol, split.fold, "query")
    rows = query[np.linspace(0, len(query) - 1, min(TRANSLATIONS_SHOWN, len(query))).astype(int)]
    before = pictures_of(recorded, rows, data_root)
    return {
        method: [
            (original, resized(translation, original))
            for original, translation in zip(before, pictures_of(manifest, rows, data_root), strict=True)
        ]
        for method, manifest in translated.items()
    }


def ranked_probes(
    recorded: Manifest, evaluations: Sequence[Evaluation], split: Split, count: int, data_root: str
) -> list[RankedProbe]:
    """Ranked lists of `count` probes, evenly spread over those with a correct match, by method.

    All lists show the images as recorded: what differs is what the classifier was given.
    """
    of_split = [each for each in evaluations if each.split == split and each.method in SHOWN]
    query = recorded.rows(split.protocol, split.fold, "query")
    gallery_rows = recorded.rows(split.protocol, split.fold, "gallery")
    valid = np.flatnonzero(of_split[0].result.first_rank > 0)
    chosen = valid[np.linspace(0, len(valid) - 1, min(count, len(valid))).astype(int)] if count else valid[:0]
    person = known_or(UNKNOWN, recorded.images["person"])
    camera = known_or(UNKNOWN, recorded.images["camera"])
    lists: dict[int, list[RankedList]] = {place: [] for place in chosen}
    for each in of_split:
        gallery = Gallery(each.features_of(gallery_rows), person[gallery_rows], camera[gallery_rows])
        for place in chosen:
            row = query[place]
            probe = each.features_of(query[place : place + 1])[0]
            head, correct = ranked_list(probe, person[row], camera[row], gallery, length=LIST_LENGTH)
            images = pictures_of(recorded, gallery_rows[head], data_root)
            matches = [Match(image, bool(right)) for image, right in zip(images, correct, strict=True)]
            lists[place].append(RankedList(each.method, matches, int(each.result.first_rank[place])))
    images = pictures_of(recorded, query[chosen], data_root)
    names = recorded.images["name"].iloc[query[chosen]]
    return [RankedProbe(name, image, lists[place]) for place, name, image in zip(chosen, names, images, strict=True)]


def pictures_of(manifest: Manifest, rows: np.ndarray, data_root: str) -> list[Picture]:
    """The images of `rows`, each in its own size."""
    return [
        np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) for content in read_images(data_root, manifest, rows)
    ]


def resized(picture: Picture, like: Picture) -> Picture:
    """A translation in the shape of its original, to be shown beside it."""
    height, width = like.shape[:2]
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
