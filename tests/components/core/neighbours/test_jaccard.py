"""The k-reciprocal Jaccard distance, compared with a dense implementation that holds all distances."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from simpgan.components.core.neighbours import jaccard
from simpgan.components.core.neighbours.jaccard import jaccard_distances


def dense_jaccard(features: np.ndarray, k1: int, k2: int) -> np.ndarray:
    """All Jaccard distances, written down as in the paper: sets for R*, a full vector V for every image."""
    count = len(features)
    squared = 2 - 2 * features.astype(np.float64) @ features.T.astype(np.float64)
    order = np.argsort(squared - 10 * np.eye(count), axis=1, kind="stable")

    def reciprocal(image: int, k: int) -> set[int]:
        return {int(other) for other in order[image, :k] if image in order[other, :k]}

    vectors = np.zeros((count, count))
    for image in range(count):
        own = reciprocal(image, k1)
        expanded = set(own)
        for candidate in own:
            others = reciprocal(candidate, round(k1 / 2))
            if len(others & own) > 2 / 3 * len(others):
                expanded |= others
        members = sorted(expanded)
        vectors[image, members] = np.exp(-squared[image, members])
        vectors[image] /= vectors[image].sum()
    vectors = np.stack([vectors[order[image, :k2]].mean(0) for image in range(count)])
    least = np.minimum(vectors[:, None], vectors[None]).sum(2)
    most = np.maximum(vectors[:, None], vectors[None]).sum(2)
    return 1 - least / most


def people(count: int, images: int, *, noise: float, seed: int = 0, dimensions: int = 16) -> torch.Tensor:
    """Features of some people with as many images each, one after another."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(count, 1, dimensions, generator=generator)
    return functional.normalize(
        (centres + noise * torch.randn(count, images, dimensions, generator=generator)).flatten(0, 1)
    )


@settings(max_examples=30)
@given(
    count=st.integers(2, 8),
    images=st.integers(2, 7),
    noise=st.floats(0.1, 2),
    seed=st.integers(0, 1000),
    k1=st.integers(2, 12),
    k2=st.integers(1, 6),
)
def test_sparse_distances_are_those_of_the_dense_definition(
    count: int, images: int, noise: float, seed: int, k1: int, k2: int
) -> None:
    features = people(count, images, noise=noise, seed=seed).double()  # in float32, near neighbours may change places
    k1, k2 = min(k1, len(features)), min(k2, len(features))
    expected = dense_jaccard(features.numpy(), k1, k2)
    found = jaccard_distances(features, k1, k2, 0.7)
    near = expected <= 0.7
    stored = np.zeros_like(near)
    stored[found.tocoo().row, found.tocoo().col] = True
    clear = abs(expected - 0.7) > 1e-5
    assert np.array_equal(stored[clear], near[clear])
    assert np.allclose(found.toarray()[stored], expected[stored], atol=1e-5)
    assert (abs(found - found.T)).max() == 0


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features = people(12, 6, noise=0.8)
    whole = jaccard_distances(features, 10, 4, 0.7)
    monkeypatch.setattr(jaccard, "ROWS", 7)
    monkeypatch.setattr(jaccard, "PAIRS", 13)
    assert (whole != jaccard_distances(features, 10, 4, 0.7)).nnz == 0
