"""The k-reciprocal Jaccard distance (Zhong, Zheng, Cao and Li, CVPR 2017), computed for pairs that have neighbours.

Two images are alike if they have the same neighbours. Each image i gets a vector V_i over all images: the weights
exp(-d(i, j)) of its expanded k-reciprocal neighbours j, 0 elsewhere, with sum 1. The distance of two images is
1 - sum_j min(V_ij, V_kj) / sum_j max(V_ij, V_kj). Most pairs have no neighbour in common and distance 1, so only the
others are ever computed, and only those below a threshold are kept: memory grows with N, not with its square.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from simpgan.components.core.neighbours.nearest import nearest

PAIRS = 2**14
"""Pairs of images whose distance is computed at a time."""

ROWS = 4096
"""Images whose neighbours are expanded at a time."""


def jaccard_distances(features: Tensor, k1: int, k2: int, largest: float) -> sparse.csr_array:
    """Return the Jaccard distances of all pairs of images up to `largest`: [N, N] float32, symmetric.

    Distances of 0, such as that of an image from itself, are stored too; what is not stored is larger than `largest`.

    Args:
        features: [N, D] of length 1, on the device to compute on.
        k1, k2: as in `neighbour_vectors`.
        largest: largest distance that is of interest, below 1.
    """
    return distances_up_to(neighbour_vectors(features, k1, k2), largest)


def neighbour_vectors(features: Tensor, k1: int, k2: int) -> sparse.csr_array:
    """Return the averaged vectors V of all images: [N, N] float32, rows of sum 1.

    Args:
        features: [N, D] of length 1, on the device to compute on.
        k1: nearest images, itself among them, of which the reciprocal ones describe an image.
        k2: nearest images, itself among them, over which the vectors V are averaged.
    """
    neighbours = nearest(features, max(k1, k2))
    weights = neighbour_weights(features, expanded_reciprocal(neighbours, k1))
    return (membership(neighbours[:, :k2]) / np.float32(k2) @ weights).tocsr()


def membership(neighbours: NDArray[np.int32]) -> sparse.csr_array:
    """Return lists of neighbours [N, k] as a matrix [N, N] of ones, float32."""
    images, count = neighbours.shape
    starts = np.arange(0, images * count + 1, count)
    ones = np.ones(images * count, np.float32)
    matrix = sparse.csr_array((ones, neighbours.ravel().astype(np.int64), starts), shape=(images, images))
    matrix.sort_indices()
    return matrix


def reciprocal(neighbours: NDArray[np.int32]) -> sparse.csr_array:
    """Return which images are among each other's neighbours [N, k]: R, a matrix [N, N] of ones."""
    named = membership(neighbours)
    return named.multiply(named.T).tocsr()


def expanded_reciprocal(neighbours: NDArray[np.int32], k1: int) -> sparse.csr_array:
    """Return the expanded k1-reciprocal neighbours of each image, R*: a matrix [N, N] of ones.

    The reciprocal neighbours that one of them has among half as many are added, if more than two thirds of those are
    reciprocal neighbours of the image already.
    """
    full, half = reciprocal(neighbours[:, :k1]), reciprocal(neighbours[:, : round(k1 / 2)])
    sizes = half.sum(axis=1)
    blocks = []
    for start in range(0, full.shape[0], ROWS):
        own = full[start : start + ROWS]
        shared = (own @ half.T).multiply(own).tocoo()
        trusted = shared.data > 2 / 3 * sizes[shared.col]
        ones = np.ones(trusted.sum(), np.float32)
        candidates = sparse.csr_array((ones, (shared.row[trusted], shared.col[trusted])), shape=own.shape)
        expanded = (own + candidates @ half).tocsr()
        expanded.data[:] = 1
        blocks.append(expanded)
    return sparse.vstack(blocks, format="csr")


def neighbour_weights(features: Tensor, expanded: sparse.csr_array) -> sparse.csr_array:
    """Return V: exp(-d) for each pair of `expanded`, with the squared Euclidean distance d, rows of sum 1."""
    pairs = expanded.tocoo()
    distances = np.empty(pairs.nnz, np.float32)
    for start in range(0, pairs.nnz, PAIRS):
        some = slice(start, start + PAIRS)
        first, second = (
            features[torch.from_numpy(each[some].astype(np.int64)).to(features.device)]
            for each in (pairs.row, pairs.col)
        )
        distances[some] = (2 - 2 * (first * second).sum(1)).cpu().numpy()
    weights = sparse.csr_array((np.exp(-distances), (pairs.row, pairs.col)), shape=expanded.shape)
    weights.data /= np.repeat(weights.sum(axis=1), np.diff(weights.indptr))
    return weights


def distances_up_to(vectors: sparse.csr_array, largest: float) -> sparse.csr_array:
    """Return the Jaccard distances of all pairs of `vectors` [N, N] that are at most `largest`, which is below 1."""
    images = vectors.shape[0]
    kept: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float32]] = []
    for similarity in jaccard_similarities(vectors, range(images)):
        distance = (1 - similarity).clip(0).astype(np.float32)
        near = np.flatnonzero((similarity > 0) & (distance <= largest))
        kept.append(near)
        values.append(distance[near])
    starts = np.concatenate([[0], np.cumsum([len(near) for near in kept])])
    return sparse.csr_array((np.concatenate(values), np.concatenate(kept), starts), shape=(images, images))


def jaccard_similarities(vectors: sparse.csr_array, images: Iterable[int]) -> Iterator[NDArray[np.float64]]:
    """Yield 1 - the Jaccard distance of each of some images to all: sum of minima / sum of maxima, [N].

    Args:
        vectors: [N, N], rows with sum 1, so that the sum of maxima is 2 - the sum of minima.
        images: rows of `vectors`.
    """
    vectors.sort_indices()
    columns = vectors.tocsc()
    lengths = np.diff(columns.indptr)
    for image in images:
        own = slice(vectors.indptr[image], vectors.indptr[image + 1])
        named = vectors.indices[own]
        counts = lengths[named]
        # Places of all entries of the columns that the row has: a run of places for each column.
        places = np.repeat(columns.indptr[named] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        minima = np.minimum(np.repeat(vectors.data[own], counts), columns.data[places])
        shared = np.bincount(columns.indices[places], minima, minlength=vectors.shape[0])
        yield shared / (2 - shared)
