"""Join the features that several classifiers have of the same images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simpgan.components.core.models.camera_statistics import CameraInference
from simpgan.components.core.models.extraction import PreparedImages, batches_by_camera, features_of
from simpgan.components.core.models.precision import precisions_of
from simpgan.components.core.process.progress import Progress


def join_features(features: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Join features of the same images: [N, D1], [N, D2], ... of length 1 to [N, D1 + D2 + ...] of length 1.

    The cosine of joined features is the mean of the cosines.
    """
    return np.concatenate(features, axis=1) * share_of(len(features))


def share_of(classifiers: int) -> np.float32:
    """Return the length in joined features of each of some classifiers' features."""
    return np.float32(1 / np.sqrt(classifiers))


@dataclass(frozen=True, eq=False)
class JoinedInference:
    """Runs one or several classifiers on images of several cameras, each with its own statistics.

    Attributes:
        members: the classifiers.
    """

    members: tuple[CameraInference, ...]

    @property
    def dimensions(self) -> int:
        """Return D, the length of a joined feature."""
        return sum(member.network.dimensions for member in self.members)

    @property
    def precision(self) -> str:
        """Return the precisions used so far in words, as `Inference.precision` does."""
        return precisions_of([outcome for member in self.members for outcome in member.outcomes])

    def __str__(self) -> str:
        """Return the outcomes so far, each once."""
        return "; ".join(dict.fromkeys(str(outcome) for member in self.members for outcome in member.outcomes))

    def columns(self) -> Iterator[tuple[CameraInference, slice, np.float32]]:
        """Yield each classifier with the columns of its features in joined ones, and their length there."""
        start = 0
        for member in self.members:
            end = start + member.network.dimensions
            yield member, slice(start, end), share_of(len(self.members))
            start = end

    def extract_into(
        self, made: NDArray[np.float32], images: PreparedImages, rows: NDArray[np.int64], batch: int, bar: Progress
    ) -> None:
        """Compute the features of `rows` into `made` [len(rows), D], one batch at a time.

        Args:
            made: array to fill.
            images: the images.
            rows: rows of their manifest.
            batch: number of images that go through a classifier together.
            bar: counts the images, once for every classifier.
        """
        for member, columns, share in self.columns():
            for network, places, some in batches_by_camera(member, images, rows, batch):
                made[places, columns] = member.whitened(features_of(network, some)[0].cpu().numpy()) * share
                bar.update(len(some))
