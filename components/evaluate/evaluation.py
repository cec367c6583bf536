"""Which images are evaluated in which splits, and their rankings."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from components.core.data.manifest import Manifest
from components.core.models.classifier import SiameseClassifier
from components.core.results.rows import ResultsRow
from components.core.runtime.errors import UserError
from components.evaluate.features import extract, with_statistics_of
from components.evaluate.metrics import UNKNOWN, RankingResult, rank
from components.evaluate.settings import EvaluateSettings


@dataclass(frozen=True)
class Split:
    """One fold of a protocol of the target."""

    protocol: str
    fold: int

    def __str__(self) -> str:
        return f"{self.protocol}, fold {self.fold}"


@dataclass(frozen=True)
class Images:
    """A version of the target's images: as recorded, or translated for one split by one method."""

    manifest: Manifest
    method: str
    splits: tuple[Split, ...]
    seed: int


@dataclass(frozen=True)
class Evaluation:
    """A method's ranking in one split, with the features it was made from.

    Attributes:
        rows: [N] rows of the target's manifest, ascending.
        features: [N, D] float32, theirs.
    """

    method: str
    split: Split
    seed: int
    result: RankingResult
    rows: np.ndarray
    features: np.ndarray

    def features_of(self, rows: np.ndarray) -> np.ndarray:
        """Features of some of the rows."""
        return self.features[np.searchsorted(self.rows, rows)]


def image_versions(
    recorded: Manifest, translated: Sequence[Path], seed: int, settings: EvaluateSettings
) -> list[Images]:
    """The target as recorded, with all splits to evaluate, and its translations, each with its own."""
    splits = test_splits(recorded, settings.protocols)
    versions = [Images(recorded, "direct", tuple(splits), seed)]
    for folder in translated:
        origin = json.loads((folder / "translation.json").read_text())["settings"]
        split = Split(origin["protocol"], origin["fold"])
        if split in splits:
            versions.append(Images(Manifest.load(folder), origin["method"], (split,), origin["seed"]))
    return versions


def test_splits(manifest: Manifest, protocols: Sequence[str]) -> list[Split]:
    """The splits of `protocols` (none: of all) that have probes.

    Raises:
        UserError: there is none, or no such protocol.
    """
    for protocol in protocols:
        manifest.rows(protocol, 0, "query")
    splits = [
        Split(protocol, int(fold))
        for protocol, fold in manifest.protocols().itertuples(index=False)
        if (not protocols or protocol in protocols) and len(manifest.rows(protocol, fold, "query"))
    ]
    if not splits:
        raise UserError(f"the target {manifest.dataset} has no protocol with probes: nothing can be measured")
    return splits


def evaluate_images(
    network: SiameseClassifier, images: Images, settings: EvaluateSettings, data_root: str
) -> Iterator[Evaluation]:
    """The rankings of one version of the images, without and with AdaBN."""
    yield from evaluate_splits(network, images.method, images, images.splits, settings, data_root)
    if not settings.adabn:
        return
    method = "adabn" if images.method == "direct" else f"{images.method}+adabn"
    # Splits with the same unlabelled images share their statistics.
    groups: dict[bytes, list[Split]] = defaultdict(list)
    for split in images.splits:
        groups[images.manifest.rows(split.protocol, split.fold, "train").tobytes()].append(split)
    for unlabelled, splits in groups.items():
        rows = np.frombuffer(unlabelled, dtype=np.int64)
        if len(rows) >= 2:
            adapted = with_statistics_of(network, images.manifest, rows, settings, data_root)
            yield from evaluate_splits(adapted, method, images, splits, settings, data_root)


def evaluate_splits(
    network: SiameseClassifier,
    method: str,
    images: Images,
    splits: Sequence[Split],
    settings: EvaluateSettings,
    data_root: str,
) -> Iterator[Evaluation]:
    """Extract the features that `splits` need once, and rank each split."""
    manifest = images.manifest
    person, camera = known_or(UNKNOWN, manifest.images["person"]), known_or(UNKNOWN, manifest.images["camera"])
    roles = {
        split: [manifest.rows(split.protocol, split.fold, role) for role in ("query", "gallery")] for split in splits
    }
    rows = np.unique(np.concatenate([part for parts in roles.values() for part in parts]))
    label = f"{method} {splits[0]}" if len(splits) == 1 else method
    features = extract(network, manifest, rows, settings, data_root, label)
    for split, (query, gallery) in roles.items():
        result = rank(
            features[np.searchsorted(rows, query)],
            features[np.searchsorted(rows, gallery)],
            query_person=person[query],
            gallery_person=person[gallery],
            query_camera=camera[query],
            gallery_camera=camera[gallery],
            max_rank=settings.max_rank,
        )
        yield Evaluation(method, split, images.seed, result, rows, features)


def known_or(unknown: int, column: pd.Series) -> np.ndarray:
    """A nullable column of ids as int64, `unknown` where there is none."""
    return column.fillna(unknown).to_numpy(dtype=np.int64)


def row_of(evaluation: Evaluation, source: str, target: str) -> ResultsRow:
    """An evaluation as a row of results."""
    result = evaluation.result
    return ResultsRow(
        source=source,
        target=target,
        method=evaluation.method,
        protocol=evaluation.split.protocol,
        fold=evaluation.split.fold,
        seed=evaluation.seed,
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
    )
