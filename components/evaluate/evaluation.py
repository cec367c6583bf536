"""Rank the target's galleries: every view of the images, compared in every way."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from simpgan.components.core.data.cameras import compared_cameras
from simpgan.components.core.data.features import Features
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.classifier import SiameseClassifier, load_classifier
from simpgan.components.core.models.extraction import Extracted, extract
from simpgan.components.core.models.joined import join_features
from simpgan.components.core.process.progress import Progress
from simpgan.components.core.results.methods import CAMERA_ADABN, JOINED, RERANKED, WHITENED, with_part
from simpgan.components.core.results.probes import probes_of
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.training.device import choose_device
from simpgan.components.evaluate.companions import Companions, mean_of
from simpgan.components.evaluate.data_sets import LabelledSource, Target, TargetSplit
from simpgan.components.evaluate.metrics import UNKNOWN, RankingResult, rank
from simpgan.components.evaluate.passes import passes_by_images, passes_with_statistics
from simpgan.components.evaluate.reranking import COSINE_WEIGHT, shared_neighbours
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.evaluate.unlabelled_checks import LabelFreeChecks
from simpgan.components.evaluate.verification_score import verification_vectors
from simpgan.components.evaluate.views import MethodRun, View

RecordedFeatures = Mapping[tuple[str, TargetSplit], Extracted]
"""Features of the images as recorded, by method (`direct` or one of `STATISTICS`) and split."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A method in one split.

    Attributes:
        run: the training behind the method.
        method: with its parts, such as `simpgan+adabn`.
        split: where the method was evaluated.
        result: the ranking; None if there are no labels.
        features: features that were ranked by cosine, of at least the split's images; None for other rankings.
        view: the images that were looked at; None for ready-made features.
        precision: of the features, as in `Inference.precision`; empty for ready-made ones.
    """

    run: MethodRun
    method: str
    split: TargetSplit
    result: RankingResult | None
    features: Extracted | None = None
    view: View | None = None
    precision: str = ""

    @property
    def label(self) -> str:
        """The name in figures: method and variant."""
        return self.run.label(self.method)


@dataclass(frozen=True, eq=False)
class ShownSplit:
    """The split that the figures show, with everything that was measured in it.

    Attributes:
        target: the target's images.
        split: the split that is shown.
        source: the classifier's training images.
        network: the source's classifier.
        evaluations: all evaluations of the split.
    """

    target: Target
    split: TargetSplit
    source: LabelledSource
    network: SiameseClassifier
    evaluations: Sequence[Evaluation]

    @property
    def translations(self) -> list[View]:
        """Views whose images a translator made."""
        views = dict.fromkeys(each.view for each in self.evaluations if each.view)
        return [view for view in views if view.images.manifest is not self.target.manifest]


def evaluate_views(
    target: Target,
    recorded: View,
    others: Iterable[View],
    network: SiameseClassifier,
    settings: EvaluateSettings,
    checks: LabelFreeChecks,
    companions: Companions,
) -> Iterator[Evaluation]:
    """Yield the evaluations of the images as recorded, then those of the other views.

    The features of the recorded images are kept until the end, since those of changed images are joined with them.

    Args:
        target: the target to find people in.
        recorded: view of the images as recorded, in all splits.
        others: further views.
        network: the source's classifier.
        settings: settings of the stage.
        checks: gets the label-free checks of every view.
        companions: classifiers whose features of the images as recorded are joined with its own.
    """
    others = list(others)
    views = [recorded, *others, *[recorded] * len(companions.members)]
    passes = sum(images_to_see(target, view, settings) for view in views)
    with Progress("features of all methods", passes, "image") as bar:
        as_recorded = list(evaluate_view(target, recorded, network, settings, checks, {}, bar))
        yield from as_recorded
        features = {(each.method, each.split): each.features for each in as_recorded if each.features is not None}
        if companions.members:
            yield from evaluate_joined(target, recorded, companions, features, settings, checks, bar)
        for view in others:
            yield from evaluate_view(target, view, network, settings, checks, features, bar)


def images_to_see(target: Target, view: View, settings: EvaluateSettings) -> int:
    """Return the number of images of a view whose features are extracted, counted once for each of their statistics."""
    return sum(len(seen.rows) for _, passes in passes_by_images(target, view, settings) for seen in passes)


def evaluate_view(
    target: Target,
    view: View,
    network: SiameseClassifier,
    settings: EvaluateSettings,
    checks: LabelFreeChecks,
    recorded: RecordedFeatures,
    bar: Progress,
) -> Iterator[Evaluation]:
    """Yield the evaluations of one view: in every split, without and with AdaBN, compared in every way.

    Features are extracted once for each of `passes_with_statistics`. Without labels nothing is ranked.

    Args:
        target: the target to find people in.
        view: the images to look at.
        network: the source's classifier.
        settings: settings of the stage.
        checks: gets the label-free checks of the view, if they are due in one of its splits.
        recorded: features of the images as recorded, with which those of changed images are joined.
        bar: counts the images whose features are extracted.
    """
    classifier = classifier_or(network, view.classifier)
    plain: Extracted | None = None
    for seen, statistics in passes_with_statistics(target, view, classifier, settings):
        method = with_part(view.run.method, seen.part)
        if checks.split in seen.splits:
            checks.measure(view, classifier, statistics, view.run.label(method))
        features = extract(classifier, view.images, seen.rows, **settings.extraction, bar=bar, statistics=statistics)
        unit = features.select(features.rows)  # without the embeddings, which are not kept
        plain = unit if plain is None else plain
        whitened = None if seen.unlabelled is None else seen.whitened(unit)
        for split in seen.splits:
            if not target.labelled:
                yield Evaluation(view.run, method, split, None, unit, view, unit.precision)
                continue
            for way, result in rank_by_cosine(target, split, features, settings):
                shown = None if way else unit
                yield Evaluation(view.run, with_part(method, way), split, result, shown, view, unit.precision)
            others = None
            if view.changed:
                others = recorded[with_part("direct", seen.part), split]
            elif seen.part == CAMERA_ADABN:
                others = plain
            compared: dict[str, Extracted] = {}
            if others is not None:
                searched = target.searched([split])
                compared[with_part(method, "fused")] = fuse(others.select(searched), unit.select(searched))
            if whitened is not None:
                compared[with_part(method, WHITENED)] = whitened
            for name, own in compared.items():
                for way, result in rank_by_cosine(target, split, own, settings):
                    yield Evaluation(view.run, with_part(name, way), split, result, precision=unit.precision)
            if settings.verification and view.compares_pairs:
                result = rank_by_verification(target, split, features, classifier, settings)
                yield Evaluation(view.run, with_part(method, "verification"), split, result, precision=unit.precision)


def evaluate_joined(
    target: Target,
    recorded: View,
    companions: Companions,
    features: RecordedFeatures,
    settings: EvaluateSettings,
    checks: LabelFreeChecks,
    bar: Progress,
) -> Iterator[Evaluation]:
    """Yield the evaluations of joined features of the images as recorded: in every split, without and with AdaBN.

    Each classifier looks with its own statistics of the unlabelled images. With AdaBN per camera, the joined features
    are also fused with those without AdaBN, and those of each classifier are also whitened before they are joined.
    Nothing is trained. Without labels nothing is ranked.

    Args:
        target: the target to find people in.
        recorded: view of the images as recorded by the evaluated classifier.
        companions: the further classifiers.
        features: features by the evaluated classifier.
        settings: settings of the stage.
        checks: label-free checks of the evaluated classifier; gets those of joined features.
        bar: counts the images whose features are extracted.
    """
    run = MethodRun(recorded.run.method, recorded.run.seed, companions.variant)
    judges = [LabelFreeChecks(each.source, target, checks.split, settings) for each in companions.members]
    steps = [passes_with_statistics(target, recorded, each.network, settings) for each in companions.members]
    plain: Extracted | None = None
    for step in zip(*steps, strict=True):
        seen, _ = step[0]
        method = with_part(run.method, seen.part)
        members = [features[method, seen.splits[0]].select(seen.rows)]
        for companion, judge, (_, statistics) in zip(companions.members, judges, step, strict=True):
            own = extract(
                companion.network, recorded.images, seen.rows, **settings.extraction, bar=bar, statistics=statistics
            )
            members.append(own)
            if checks.split in seen.splits:
                judge.measure(recorded, companion.network, statistics, method)
        if checks.split in seen.splits:
            label = run.label(with_part(method, JOINED))
            checks.methods[label] = mean_of([each.methods[method] for each in (checks, *judges)])
        if not target.labelled:
            continue
        joined = fuse(*members)
        plain = joined if plain is None else plain
        precision = " and ".join(sorted({each.precision for each in members}))
        compared = {with_part(method, JOINED): joined}
        if seen.part == CAMERA_ADABN:
            searched = target.searched(seen.splits)
            fused = fuse(plain.select(searched), joined.select(searched))
            compared[with_part(with_part(method, JOINED), "fused")] = fused
        if seen.unlabelled is not None:
            compared[with_part(with_part(method, JOINED), WHITENED)] = fuse(*map(seen.whitened, members))
        for split in seen.splits:
            for name, own in compared.items():
                for way, result in rank_by_cosine(target, split, own, settings):
                    yield Evaluation(run, with_part(name, way), split, result, precision=precision)


def classifier_or(network: SiameseClassifier, folder: Path | None) -> SiameseClassifier:
    """Return the classifier in a model folder, in evaluation mode; `network` if there is no folder."""
    return network if folder is None else load_classifier(folder)[0].to(choose_device()).eval()


def evaluate_ready_made(
    target: Target, made: Iterable[tuple[MethodRun, TargetSplit, Features]], settings: EvaluateSettings
) -> Iterator[Evaluation]:
    """Yield the evaluations of features that another method made, compared by cosine."""
    for run, split, features in made:
        rows = target.searched([split])
        values = features.select(rows)
        unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        for way, result in rank_by_cosine(target, split, Extracted(rows, unit), settings):
            yield Evaluation(run, with_part(run.method, way), split, result)


def fuse(*features: Extracted) -> Extracted:
    """Join several features of length 1 of each image; the cosine of joined features is the mean of their cosines."""
    return Extracted(features[0].rows, join_features([each.unit for each in features]))


def rank_by_cosine(
    target: Target, split: TargetSplit, features: Extracted, settings: EvaluateSettings
) -> Iterator[tuple[str, RankingResult]]:
    """Rank a split's gallery by the cosine of features; also with re-ranking, if it is asked for.

    Yields:
        the part of the method's name, empty for the cosine alone, and the ranking.
    """
    probes, gallery = (features.select(target.rows(split, role)).unit for role in ("query", "gallery"))
    yield "", rank_split(target, split, probes, gallery, settings)
    if settings.rerank:
        rows = target.searched([split])
        places = [np.searchsorted(rows, target.rows(split, role)) for role in ("query", "gallery")]
        shared = (1 - COSINE_WEIGHT) * shared_neighbours(features.select(rows).unit, *places)
        yield RERANKED, rank_split(target, split, COSINE_WEIGHT * probes, gallery, settings, shared)


def rank_by_verification(
    target: Target, split: TargetSplit, features: Extracted, network: SiameseClassifier, settings: EvaluateSettings
) -> RankingResult:
    """Rank a split's gallery by the classifier's verification score (Eq. 1)."""
    probes, gallery = (features.embeddings_of(target.rows(split, role)) for role in ("query", "gallery"))
    weight = network.verification_head.weight.detach().float().cpu().numpy()[0]
    return rank_split(target, split, *verification_vectors(weight, probes, gallery), settings)


def rank_split(
    target: Target,
    split: TargetSplit,
    probes: np.ndarray,
    gallery: np.ndarray,
    settings: EvaluateSettings,
    addend: sparse.csr_array | None = None,
) -> RankingResult:
    """Rank a split's gallery by dot products of `probes` [Q, D] and `gallery` [G, D], plus `addend` [Q, G]."""
    query_rows, gallery_rows = target.rows(split, "query"), target.rows(split, "gallery")
    person, camera = ids_to_rank(target.manifest)
    return rank(
        probes,
        gallery,
        query_person=person[query_rows],
        gallery_person=person[gallery_rows],
        query_camera=camera[query_rows],
        gallery_camera=camera[gallery_rows],
        own=places_in(gallery_rows, query_rows),
        addend=addend,
        max_rank=settings.max_rank,
    )


def ids_to_rank(manifest: Manifest) -> tuple[np.ndarray, np.ndarray]:
    """Return the people and the cameras of all images by which a gallery is ranked, int64."""
    return ids_or_unknown(manifest.images["person"]), ids_or_unknown(compared_cameras(manifest.images))


def places_in(gallery: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the index of each row in the rising rows of a gallery, int64; -1 if it is not there."""
    places = np.searchsorted(gallery, rows)
    there = np.append(gallery, -1)[places] == rows
    return np.where(there, places, -1)


def ids_or_unknown(column: pd.Series) -> np.ndarray:
    """Return a nullable column of ids as int64, with `UNKNOWN` where an id is missing."""
    return column.fillna(UNKNOWN).to_numpy(dtype=np.int64)


def results_row(evaluation: Evaluation, common: Mapping[str, Any]) -> ResultsRow:
    """Return a ranking as a row of results.

    Args:
        evaluation: an evaluation with labels.
        common: columns that are the same in all rows: source, target, across_cameras, preset, hardware, date and
            commit.
    """
    run, result = evaluation.run, ranking_of(evaluation)
    own = {
        "method": evaluation.method,
        "variant": run.variant,
        "protocol": evaluation.split.protocol,
        "fold": evaluation.split.fold,
        "seed": run.seed,
        "probes": result.valid,
        "left_out": result.excluded,
        "gallery": result.gallery,
        "steps": run.steps,
        "score": run.score,
        "precision": evaluation.precision,
    }
    return ResultsRow.model_validate({**common, **own, **result.rates()})


def probes_table(target: Target, evaluation: Evaluation, row: ResultsRow) -> pd.DataFrame:
    """Return the table of an evaluation's probes: names, ranks of the first match, average precisions."""
    names = target.manifest.images["name"].iloc[target.rows(evaluation.split, "query")]
    result = ranking_of(evaluation)
    return probes_of(row, names.tolist(), result.first_rank, result.average_precision)


def ranking_of(evaluation: Evaluation) -> RankingResult:
    """Return the ranking of an evaluation with labels."""
    assert evaluation.result, "nothing is ranked without labels"
    return evaluation.result
