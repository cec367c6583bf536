"""The distance between two sets of images, and the distances that chance alone gives."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from simpgan.components.core.models.unlabelled_score import frechet_distance

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Difference:
    """Comparison of two sets of images.

    Attributes:
        distance: squared Frechet distance of their features, from 0.
        usual: median distance of two random halves of both sets.
        upper: 95 % of these distances are below it.
        p: probability, 0..1, that chance alone makes them at least as far apart.
    """

    distance: float
    usual: float
    upper: float
    p: float

    @property
    def ratio(self) -> float:
        """The distance over the median of random halves: about 1 if nothing has changed."""
        return self.distance / max(self.usual, 1e-12)


def compare(
    first: Features, second: Features, block: int, permutations: int, random: np.random.Generator
) -> Difference:
    """Compute the distance of two sets of features of equal size, and its permutation test.

    If both sets were of one kind, any half of all images could be the first set. Blocks of neighbouring images stay
    together, since they tend to show one person: single images would make the same camera with other people look like a
    change.

    Args:
        first: [N, D], N a multiple of `block`; neighbours stand together.
        second: [N, D], likewise.
        block: images that stay together.
        permutations: number of random halves.
        random: source of randomness.

    Raises:
        ValueError: the sets differ in size, or hold no whole number of blocks.
    """
    if first.shape != second.shape or len(first) % block:
        raise ValueError(f"sets of shapes {first.shape} and {second.shape} in blocks of {block}")
    images = reduce_dimensions(np.concatenate([first, second]))
    blocks = images.reshape(-1, block, images.shape[1])
    half = len(blocks) // 2

    def distance(order: NDArray[np.int64]) -> float:
        one, other = (
            torch.from_numpy(blocks[part].reshape(-1, blocks.shape[2])) for part in (order[:half], order[half:])
        )
        return max(0.0, frechet_distance(one, other))

    observed = distance(np.arange(2 * half))
    by_chance = np.array([distance(random.permutation(2 * half)) for _ in range(permutations)])
    # The observed split may be among the permutations; in spite of rounding it must count as at least as far.
    reached = np.count_nonzero(by_chance >= observed * (1 - 1e-9))
    return Difference(
        observed,
        float(np.median(by_chance)),
        float(np.quantile(by_chance, 0.95)),
        (1 + reached) / (1 + permutations),
    )


def reduce_dimensions(features: Features) -> NDArray[np.float64]:
    """Rotate features [N, D] to their first min(N, D) coordinates, which keeps all distances.

    All permutations together then cost as much as a few did before.
    """
    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    return left * values
