"""Rankings of the target's galleries: every version of the images, compared in every way."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simpgan.components.core.data.features import Features
from simpgan.components.core.models.classifier import SiameseClassifier, load_classifier
from simpgan.components.core.models.extraction import Extracted, extract, with_statistics_of
from simpgan.components.core.results.probes import probes_of
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.training.device import choose_device
from simpgan.components.evaluate.checks import LabelFreeChecks
from simpgan.components.evaluate.data_sets import Source, Split, Target
from simpgan.components.evaluate.metrics import UNKNOWN, RankingResult, rank
from simpgan.components.evaluate.scores import fused, verification_vectors
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.evaluate.versions import Run, Version


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A method in one split.

    Attributes:
        method: with its parts, such as `simpgan+adabn`.
        result: the ranking; None where there are no labels.
        features: what cosine ranked, the split's images' and maybe others'; None where something else ranked.
        version: what was looked at; None for ready-made features.
        precision: of the features, as `Inference.precision` says; empty for ready-made ones.
    """

    run: Run
    method: str
    split: Split
    result: RankingResult | None
    features: Extracted | None = None
    version: Version | None = None
    precision: str = ""

    @property
    def label(self) -> str:
        """What figures know it by."""
        return self.run.label(self.method)


@dataclass(frozen=True, eq=False)
class Shown:
    """What figures show: one split, and what was measured in it.

    Attributes:
        network: the source's classifier.
        evaluations: all of the split.
    """

    target: Target
    split: Split
    source: Source
    network: SiameseClassifier
    evaluations: Sequence[Evaluation]

    @property
    def translations(self) -> list[Version]:
        """The versions whose images another network made."""
        versions = dict.fromkeys(each.version for each in self.evaluations if each.version)
        return [version for version in versions if version.images.manifest is not self.target.manifest]


def evaluate_versions(
    target: Target,
    versions: Iterable[Version],
    network: SiameseClassifier,
    settings: EvaluateSettings,
    checks: LabelFreeChecks,
) -> Iterator[Evaluation]:
    """All rankings of the versions, the first of which shows the images as recorded; and their `checks`.

    The features of a version are extracted once, and once more with AdaBN; only those of the recorded images are kept
    until the end, to be joined with those of others. Without labels nothing is ranked.
    """
    recorded: dict[tuple[str, Split], Extracted] = {}
    for version in versions:
        looking = load(version.classifier, network)
        for part, split, features in features_of(target, version, looking, settings, checks):
            kept = features.of(features.rows)
            if version.run.method == "direct":
                recorded[part, split] = kept
            method = name_of(version.run.method, part)
            if not target.labelled:
                yield Evaluation(version.run, method, split, None, kept, version, kept.precision)
                continue
            result = rank_by_cosine(target, split, features, settings)
            yield Evaluation(version.run, method, split, result, kept, version, kept.precision)
            if version.changed:
                joined = fused(recorded[part, split].of(features.rows), features)
                result = rank_by_cosine(target, split, joined, settings)
                yield Evaluation(version.run, name_of(method, "fused"), split, result, precision=kept.precision)
            if settings.verification:
                result = rank_by_verification(target, split, features, looking, settings)
                yield Evaluation(version.run, name_of(method, "verification"), split, result, precision=kept.precision)


def features_of(
    target: Target, version: Version, network: SiameseClassifier, settings: EvaluateSettings, checks: LabelFreeChecks
) -> Iterator[tuple[str, Split, Extracted]]:
    """What to rank each split by: ('', split, features), then with AdaBN ('adabn', split, features).

    The label-free checks are made on the way, while the adapted classifier is there. Splits seen by the same
    classifier share their features, which are those of all their images.
    """

    def of_splits(
        part: str, looking: SiameseClassifier, splits: tuple[Split, ...]
    ) -> Iterator[tuple[str, Split, Extracted]]:
        method = name_of(version.run.method, part)
        label = f"{method} {splits[0]}" if len(splits) == 1 else method
        if checks.split in splits:
            checks.measure(version, part, looking, version.run.label(method))
        rows = target.searched(splits)
        features = extract(looking, version.images, rows, **settings.looking, label=label)
        yield from ((part, split, features) for split in splits)

    yield from of_splits("", network, version.splits)
    if settings.adabn:
        for unlabelled, splits in target.by_unlabelled_images(version.splits, at_least=2):
            adapted = with_statistics_of(network, version.images, unlabelled, **settings.looking, seed=settings.seed)
            yield from of_splits("adabn", adapted, splits)


def load(classifier: Path | None, network: SiameseClassifier) -> SiameseClassifier:
    """The classifier in a model folder, ready to look at images; `network` if there is no folder."""
    return network if classifier is None else load_classifier(classifier)[0].to(choose_device()).eval()


def evaluate_ready_made(
    target: Target, made: Iterable[tuple[Run, Split, Features]], settings: EvaluateSettings
) -> Iterator[Evaluation]:
    """Rankings by features that another method made, compared by cosine."""
    for run, split, features in made:
        rows = target.searched([split])
        values = features.of(rows)
        unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        yield Evaluation(run, run.method, split, rank_by_cosine(target, split, Extracted(rows, unit), settings))


def name_of(method: str, part: str) -> str:
    """A method's name with a part more; `adabn` alone is direct transfer with it."""
    if not part:
        return method
    return "adabn" if (method, part) == ("direct", "adabn") else f"{method}+{part}"


def rank_by_cosine(target: Target, split: Split, features: Extracted, settings: EvaluateSettings) -> RankingResult:
    probes, gallery = (features.of(target.rows(split, role)).unit for role in ("query", "gallery"))
    return rank_split(target, split, probes, gallery, settings)


def rank_by_verification(
    target: Target, split: Split, features: Extracted, network: SiameseClassifier, settings: EvaluateSettings
) -> RankingResult:
    """The ranking by the classifier's verification score (Eq. 1)."""
    probes, gallery = (features.embeddings_of(target.rows(split, role)) for role in ("query", "gallery"))
    weight = network.verification_head.weight.detach().float().cpu().numpy()[0]
    return rank_split(target, split, *verification_vectors(weight, probes, gallery), settings)


def rank_split(
    target: Target, split: Split, probes: np.ndarray, gallery: np.ndarray, settings: EvaluateSettings
) -> RankingResult:
    """The ranking by dot products of the vectors of a split's probes and gallery, [Q, D] and [G, D]."""
    query_rows, gallery_rows = target.rows(split, "query"), target.rows(split, "gallery")
    person, camera = (known_or(UNKNOWN, target.manifest.images[column]) for column in ("person", "camera"))
    return rank(
        probes,
        gallery,
        query_person=person[query_rows],
        gallery_person=person[gallery_rows],
        query_camera=camera[query_rows],
        gallery_camera=camera[gallery_rows],
        max_rank=settings.max_rank,
    )


def known_or(unknown: int, column: pd.Series) -> np.ndarray:
    """A nullable column of ids as int64, `unknown` where there is none."""
    return column.fillna(unknown).to_numpy(dtype=np.int64)


def row_of(evaluation: Evaluation, common: Mapping[str, str]) -> ResultsRow:
    """A ranking as a row of results, with the columns that all rows have in `common`: source, target, preset,
    hardware, date and commit."""
    run, result = evaluation.run, ranking_of(evaluation)
    return ResultsRow(
        **common,
        method=evaluation.method,
        variant=run.variant,
        protocol=evaluation.split.protocol,
        fold=evaluation.split.fold,
        seed=run.seed,
        rank_1=100 * result.cmc[0],
        rank_5=100 * result.cmc[4],
        rank_10=100 * result.cmc[9],
        rank_20=100 * result.cmc[19],
        mAP=100 * result.mean_average_precision,
        mAP_trapezoidal=100 * result.mean_average_precision_trapezoidal,
        mINP=100 * result.mean_inverse_negative_penalty,
        probes=result.valid,
        left_out=result.excluded,
        gallery=result.gallery,
        steps=run.steps,
        score=run.score,
        precision=evaluation.precision,
    )


def probes_table(target: Target, evaluation: Evaluation, row: ResultsRow) -> pd.DataFrame:
    """What became of each probe of an evaluation."""
    names = target.manifest.images["name"].iloc[target.rows(evaluation.split, "query")]
    result = ranking_of(evaluation)
    return probes_of(row, names.tolist(), result.first_rank, result.average_precision)


def ranking_of(evaluation: Evaluation) -> RankingResult:
    """The ranking of an evaluation with labels."""
    assert evaluation.result, "without labels nothing is ranked"
    return evaluation.result
