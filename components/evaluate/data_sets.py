"""The source's training images, and the target with the folds of its protocols, in which everything is measured."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.core.data.manifest import Manifest
from components.core.models.extraction import Images
from components.core.runtime.errors import UserError


@dataclass(frozen=True, eq=False)
class Source:
    """What the classifier was trained on: `rows` of the images' manifest."""

    images: Images
    rows: np.ndarray


@dataclass(frozen=True)
class Split:
    """One fold of a protocol of the target."""

    protocol: str
    fold: int

    def __str__(self) -> str:
        return f"{self.protocol}, fold {self.fold}"


@dataclass(frozen=True, eq=False)
class Target:
    """The target as recorded.

    Attributes:
        splits: those to evaluate.
        data_root: folder or `s3://` prefix that holds the shards.
    """

    manifest: Manifest
    splits: tuple[Split, ...]
    data_root: str

    @classmethod
    def load(cls, folder: Path, protocols: Sequence[str], data_root: str) -> "Target":
        """The manifest in `folder`, with the splits of `protocols` (none: of all) that have probes.

        Raises:
            UserError: there is none, or no such protocol.
        """
        manifest = Manifest.load(folder)
        for protocol in protocols:
            manifest.rows(protocol, 0, "query")
        splits = tuple(
            Split(protocol, int(fold))
            for protocol, fold in manifest.protocols().itertuples(index=False)
            if (not protocols or protocol in protocols) and len(manifest.rows(protocol, fold, "query"))
        )
        if not splits:
            raise UserError(f"the target {manifest.dataset} has no protocol with probes: nothing can be measured")
        return cls(manifest, splits, data_root)

    def rows(self, split: Split, role: str) -> np.ndarray:
        """Rows of the images that play `role` in a split, rising."""
        return self.manifest.rows(split.protocol, split.fold, role)

    def searched(self, splits: Iterable[Split]) -> np.ndarray:
        """Rows of all probes and gallery images of some splits, rising."""
        return np.unique(np.concatenate([self.rows(split, role) for split in splits for role in ("query", "gallery")]))

    def by_unlabelled_images(
        self, splits: Iterable[Split], *, at_least: int = 1
    ) -> list[tuple[np.ndarray, tuple[Split, ...]]]:
        """Splits grouped by the unlabelled training images they share, where there are `at_least` so many."""
        groups: dict[bytes, list[Split]] = defaultdict(list)
        for split in splits:
            groups[self.rows(split, "train").tobytes()].append(split)
        unlabelled = ((np.frombuffer(rows, dtype=np.int64), tuple(group)) for rows, group in groups.items())
        return [(rows, group) for rows, group in unlabelled if len(rows) >= at_least]

    def split_of(self, training: Mapping[str, Any], folder: Path) -> Split:
        """The split that a `training` was for, whose result lies in `folder`.

        Raises:
            UserError: the target has no such split.
        """
        split = Split(training["protocol"], training["fold"])
        try:
            self.rows(split, "query")
        except UserError as unknown:
            raise UserError(f"'{folder}' was trained for a split that is not there: {unknown}") from None
        return split
