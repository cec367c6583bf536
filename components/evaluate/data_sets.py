"""The source's training images, and the target with the splits in which everything is measured."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simpgan.components.core.data.manifest import ROLES, Manifest
from simpgan.components.core.data.suitability import images_in, rankable_splits, splits_to_evaluate
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.extraction import PreparedImages

LOOKED_AT = 1000
"""Images per split of a target without labels whose features are extracted for the page."""


@dataclass(frozen=True, eq=False)
class LabelledSource:
    """Images that the classifier was trained on.

    Attributes:
        images: images of the source's manifest.
        rows: rows of the training images.
    """

    images: PreparedImages
    rows: np.ndarray


@dataclass(frozen=True)
class TargetSplit:
    """One fold of a protocol of the target."""

    protocol: str
    fold: int

    def __str__(self) -> str:
        return f"{self.protocol}, fold {self.fold}"


@dataclass(frozen=True, eq=False)
class Target:
    """The target as recorded.

    Attributes:
        manifest: manifest of the target.
        splits: splits to evaluate.
        data_root: folder or `s3://` prefix that holds the shards.
        labelled: whether probes of the splits have a correct match in the gallery; otherwise nothing can be ranked.
        unranked: splits that were asked for and have no such probe.
    """

    manifest: Manifest
    splits: tuple[TargetSplit, ...]
    data_root: str
    labelled: bool = True
    unranked: tuple[TargetSplit, ...] = ()

    @classmethod
    def load(cls, folder: Path, protocols: Sequence[str], data_root: str) -> "Target":
        """Load the manifest in `folder`, with the splits of `protocols` (empty: all) in which a probe has a match.

        If there is no such split, the target has no labels, and all splits.

        Raises:
            UserError: no image has a role, or no such protocol.
        """
        manifest = Manifest.load(folder)
        asked = splits_to_evaluate(manifest, protocols)
        rankable = rankable_splits(manifest, asked)
        splits = tuple(TargetSplit(*split) for split in rankable or asked)
        unranked = tuple(TargetSplit(*split) for split in asked if split not in rankable)
        return cls(manifest, splits, data_root, bool(rankable), unranked)

    def only(self, split: TargetSplit) -> "Target":
        """Return the same images with one of the splits."""
        return replace(self, splits=(split,))

    def rows(self, split: TargetSplit, role: str) -> np.ndarray:
        """Return the rising rows of the images that play `role` in a split."""
        return self.manifest.rows(split.protocol, split.fold, role)

    def all_rows(self, split: TargetSplit) -> np.ndarray:
        """Return the rising rows of all images of a split, whatever their roles."""
        return np.unique(np.concatenate([self.rows(split, role) for role in ROLES]))

    def training_images(self, split: TargetSplit) -> np.ndarray:
        """Return the rising rows of a split's unlabelled training images; of all its images if it has too few."""
        return images_in(self.manifest, split.protocol, split.fold)

    def searched(self, splits: Iterable[TargetSplit]) -> np.ndarray:
        """Return the rising rows of probes and gallery of some splits.

        Without labels these are `LOOKED_AT` images of each split.
        """
        if self.labelled:
            searched = [self.rows(split, role) for split in splits for role in ("query", "gallery")]
        else:
            searched = [evenly_spread(self.all_rows(split), LOOKED_AT) for split in splits]
        return np.unique(np.concatenate(searched))

    def probes(self, split: TargetSplit) -> np.ndarray:
        """Return the rising rows of a split's probes; without labels, any image that is looked at could be one."""
        return self.rows(split, "query") if self.labelled else self.searched([split])

    def by_unlabelled_images(
        self, splits: Iterable[TargetSplit], *, at_least: int = 1
    ) -> list[tuple[np.ndarray, tuple[TargetSplit, ...]]]:
        """Group splits by the unlabelled training images that they share.

        Groups with fewer than `at_least` images are left out.
        """
        groups: dict[bytes, list[TargetSplit]] = defaultdict(list)
        for split in splits:
            groups[self.rows(split, "train").tobytes()].append(split)
        unlabelled = ((np.frombuffer(rows, dtype=np.int64), tuple(group)) for rows, group in groups.items())
        return [(rows, group) for rows, group in unlabelled if len(rows) >= at_least]

    def split_of(self, training: Mapping[str, Any], folder: Path) -> TargetSplit:
        """Return the split that a training was for.

        Args:
            training: settings of the training.
            folder: where its result is, for messages.

        Raises:
            UserError: the target has no such split.
        """
        split = TargetSplit(training["protocol"], training["fold"])
        try:
            self.rows(split, "query")
        except UserError as unknown:
            raise UserError(f"'{folder}' was trained for a split that is not there: {unknown}") from None
        return split


def evenly_spread(rows: np.ndarray, count: int) -> np.ndarray:
    """Return `count` evenly spread rows, or all if there are fewer."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)]
