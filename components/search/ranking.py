"""Exact nearest neighbours in a gallery, with memory that does not grow with the gallery."""

import numpy as np
from numpy.typing import NDArray

BLOCK = 8192
"""Gallery images compared at a time: 64 MB of features of 2,048 numbers."""


def nearest(
    probes: NDArray[np.float32], gallery: NDArray[np.float32], top: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the gallery images most similar to each probe, in falling order; of equals the first row comes first.

    Args:
        probes: [P, D], of length 1.
        gallery: [N, D], of length 1; may be mapped from a file.
        top: number of images per probe.

    Returns:
        rows [P, min(top, N)] of the gallery, and their cosine similarities, -1..1.
    """
    rows = np.empty((len(probes), 0), np.int64)
    similarities = np.empty((len(probes), 0), np.float32)
    for start in range(0, len(gallery), BLOCK):
        block = probes @ gallery[start : start + BLOCK].T
        similarities = np.concatenate([similarities, block], axis=1)
        here = np.broadcast_to(np.arange(start, start + block.shape[1]), block.shape)
        rows = np.concatenate([rows, here], axis=1)
        best = np.stack([highest(each, top) for each in similarities]) if len(probes) else rows
        rows = np.take_along_axis(rows, best, axis=1)
        similarities = np.take_along_axis(similarities, best, axis=1)
    return rows, similarities


def highest(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the places of the highest values, in falling order; of equals the first place comes first."""
    count = min(count, len(values))
    least = np.partition(values, len(values) - count)[len(values) - count]
    candidates = np.flatnonzero(values >= least)
    order = np.argsort(-values[candidates], kind="stable")
    return candidates[order[:count]]
