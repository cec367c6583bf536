"""Views of the target: its images, as recorded or changed, with the classifier that looks at them in some splits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simpgan.components.core.data.features import Features, load_features
from simpgan.components.core.data.image_tensors import iterate_batches
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import refuse_other_source
from simpgan.components.core.data.translation_origin import is_translation_name, read_origin
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import learned_pairs
from simpgan.components.core.models.extraction import PreparedImages
from simpgan.components.core.models.model_folder import model_digest, read_config
from simpgan.components.evaluate.colour_transfer import ChannelStatistics, transfer_colours
from simpgan.components.evaluate.data_sets import LabelledSource, Target, TargetSplit


@dataclass(frozen=True)
class MethodRun:
    """The training behind a method's numbers.

    Attributes:
        method: name from `core/results/methods.py`, without parts.
        seed: seed of the training.
        variant: settings by which it differs from other runs of its method.
        steps: training steps of the GAN; 0 if there is none.
        score: label-free score of the translation, lower is better; None if there is none.
    """

    method: str
    seed: int
    variant: str = ""
    steps: int = 0
    score: float | None = None

    def label(self, method: str = "") -> str:
        """Return the name in figures: the method (or `method`, with its parts), then the variant."""
        return f"{method or self.method} {self.variant}".strip()


@dataclass(frozen=True, eq=False)
class View:
    """One way of looking at the target.

    Attributes:
        run: the training behind the method.
        images: the target's images, as recorded or changed.
        splits: where the view is evaluated.
        changed: whether the images are not as recorded; then their features are also joined with the recorded ones'.
        classifier: model folder of the classifier that looks at the images, if it is not the source's.
        translator: model folder whose F made the images, if it is known.
        compares_pairs: whether the classifier has learned the verification score.
    """

    run: MethodRun
    images: PreparedImages
    splits: tuple[TargetSplit, ...]
    changed: bool = False
    classifier: Path | None = None
    translator: Path | None = None
    compares_pairs: bool = True


def recorded_view(target: Target, seed: int) -> View:
    """Return the view of direct transfer: the images as recorded, in all splits."""
    return View(MethodRun("direct", seed), PreparedImages(target.manifest, target.data_root), target.splits)


def translated_views(target: Target, translated: Sequence[Path], translators: Sequence[Path]) -> list[View]:
    """Return the target's translations, each in the split whose training images its GAN has seen.

    A classifier that was fine-tuned with a translator looks at that translator's images.

    Raises:
        UserError: a folder is no translation, is one of another target or split, or its translator is not given.
    """
    origins = {folder: translation_origin(folder, target.manifest) for folder in translated}
    makers = translators_of(origins, translators)
    views = []
    for folder, origin in origins.items():
        training, maker = origin["settings"], makers.get(folder)
        score = (origin["selection"] or {}).get("score")
        run = MethodRun(training["method"], training["seed"], origin["variant"], training["steps"], score)
        views.append(
            View(
                run,
                PreparedImages(Manifest.load(folder), target.data_root),
                (target.split_of(training, folder),),
                changed=True,
                classifier=maker if maker and "classifier" in read_config(maker) else None,
                translator=maker,
            )
        )
    return [view for view in views if view.splits[0] in target.splits]


def translation_origin(translation: Path, target: Manifest) -> dict[str, Any]:
    """Read direction, settings and inputs of a translation's training.

    Raises:
        UserError: there is no translation.json, or the translation is of another data set.
    """
    path = translation / "translation.json"
    if not path.is_file():
        raise UserError(f"'{translation}' is no translation: it has no translation.json; give a folder translate wrote")
    origin = read_origin(translation)
    if origin["inputs"].get("images") != target.digest or origin["direction"] != "target-to-source":
        raise UserError(f"'{translation}' is no translation of the target {target.dataset}: translate that one by F")
    return origin


def translators_of(origins: Mapping[Path, Mapping[str, Any]], translators: Sequence[Path]) -> dict[Path, Path]:
    """Return the translator that made each translation; empty if no translators are given.

    Raises:
        UserError: a translation's translator is missing, or a translator made none of the translations.
    """
    if not translators:
        return {}
    made_by = {folder: origin["inputs"]["translator"] for folder, origin in origins.items()}
    by_digest = {model_digest(translator): translator for translator in translators}
    for folder, digest in made_by.items():
        if digest not in by_digest:
            raise UserError(f"the translator that made '{folder}' is not among those given: give it too")
    for digest, translator in by_digest.items():
        if digest not in made_by.values():
            raise UserError(f"the translator '{translator}' made none of the translations given: leave it out")
    return {folder: by_digest[digest] for folder, digest in made_by.items()}


def counterpart_views(source: Manifest, target: Target, classifiers: Sequence[Path]) -> list[View]:
    """Return the views of classifiers that were trained for the target: the images as recorded.

    They were trained on the source in the target's style, or on the target's unlabelled images.

    Raises:
        UserError: a folder holds another classifier, one of another source or target, or one for a split that the
            target does not have.
    """
    views = []
    for folder in classifiers:
        config = read_config(folder)
        if "classifier" not in config or "adaptation" not in config:
            raise UserError(
                f"'{folder}' is no classifier that was trained for a target: give one of self_train, or one that "
                "pretrain made of a translated source"
            )
        if not is_translation_name(config["source"], source.dataset):
            refuse_other_source(folder, config["source"], source)
        learned_from = config.get("target", target.manifest.dataset)
        if learned_from != target.manifest.dataset:
            raise UserError(
                f"the classifier in '{folder}' has learned from images of {learned_from}, and the target is "
                f"{target.manifest.dataset}: give the manifest of {learned_from}"
            )
        training = config["adaptation"]
        run = MethodRun(training["method"], training["seed"], steps=training["steps"])
        images = PreparedImages(target.manifest, target.data_root)
        compares_pairs = learned_pairs(config)
        split = target.split_of(training, folder)
        views.append(View(run, images, (split,), classifier=folder, compares_pairs=compares_pairs))
    return [view for view in views if view.splits[0] in target.splits]


def colour_transfer_views(
    target: Target, splits: Iterable[TargetSplit], source: LabelledSource, *, height: int, width: int, seed: int
) -> list[View]:
    """Return the views with colours matched to the source's training images: over the set, and image by image.

    "Over the set" means over the unlabelled training images of a split, so splits that differ in them have views of
    their own.

    Args:
        target: the target.
        splits: where the views are evaluated.
        source: the source's training images.
        height: height in pixels at which colours are measured, the classifier's.
        width: width in pixels, likewise.
        seed: seed that the rows get.
    """

    def statistics(manifest: Manifest, rows: np.ndarray) -> ChannelStatistics:
        return ChannelStatistics.of_all(iterate_batches(target.data_root, manifest, rows, height, width, 256))

    def view(method: str, splits: tuple[TargetSplit, ...], own: ChannelStatistics | None) -> View:
        images = PreparedImages(target.manifest, target.data_root, partial(transfer_colours, wanted=wanted, own=own))
        return View(MethodRun(method, seed), images, splits, changed=True)

    splits = tuple(splits)
    wanted = statistics(source.images.manifest, source.rows)
    over_the_set = [
        view("matched-set", group, statistics(target.manifest, unlabelled))
        for unlabelled, group in target.by_unlabelled_images(splits)
    ]
    return [*over_the_set, view("matched-image", splits, None)]


def ready_made_features(target: Target, folders: Sequence[Path]) -> list[tuple[MethodRun, TargetSplit, Features]]:
    """Load features that other methods made of the target's images, each for one split.

    Raises:
        UserError: a folder holds no features, or those of another target or split.
    """
    made = []
    for folder in folders:
        features = load_features(folder)
        training = features.description
        if training["target"] != target.manifest.digest:
            raise UserError(
                f"the features in '{folder}' are not of the target {target.manifest.dataset}: make them of that one"
            )
        run = MethodRun(training["method"], training["seed"], steps=training["steps"])
        made.append((run, target.split_of(training, folder), features))
    return [each for each in made if each[1] in target.splits]


def refuse_repeated(runs: Iterable[tuple[MethodRun, TargetSplit]]) -> None:
    """Raise UserError if two runs would be the same row of the results."""
    counts = Counter((run.method, run.variant, split, run.seed) for run, split in runs)
    for (method, variant, split, seed), count in counts.items():
        if count > 1:
            raise UserError(
                f"{f'{method} {variant}'.strip()} was given {count} times for {split}, seed {seed}: give it once"
            )
