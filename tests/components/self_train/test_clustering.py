"""Clusters of images, compared with dense implementations that hold all distances."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN
from sklearn.metrics import silhouette_samples
from torch.nn import functional

from simpgan.components.self_train import jaccard, neighbours
from simpgan.components.self_train.clustering import (
    OUTLIER,
    agreement,
    cluster,
    cluster_centres,
    described,
    simplified_silhouette,
)
from simpgan.components.self_train.jaccard import jaccard_distances
from simpgan.components.self_train.neighbours import nearest


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


@given(count=st.integers(1, 40), wanted=st.integers(1, 8), cells=st.integers(1, 200), seed=st.integers(0, 100))
def test_neighbours_by_blocks_are_those_of_all_distances(count: int, wanted: int, cells: int, seed: int) -> None:
    features = functional.normalize(torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)))
    wanted = min(wanted, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "CELLS", cells)
        found = nearest(features, wanted)
    cosines = (features @ features.T).fill_diagonal_(2)
    assert found.tolist() == cosines.argsort(1, descending=True)[:, :wanted].tolist()


def test_an_image_is_its_own_nearest_neighbour_beside_copies() -> None:
    features = functional.normalize(torch.ones(5, 4))
    assert nearest(features, 3)[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features = people(12, 6, noise=0.8)
    whole = jaccard_distances(features, 10, 4, 0.7)
    monkeypatch.setattr(jaccard, "ROWS", 7)
    monkeypatch.setattr(jaccard, "PAIRS", 13)
    assert (whole != jaccard_distances(features, 10, 4, 0.7)).nnz == 0


@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_clusters_are_those_of_dbscan_on_dense_distances(noise: float) -> None:
    features = people(15, 6, noise=noise, seed=3)
    dense = dense_jaccard(features.numpy(), 12, 4).clip(0)
    expected = DBSCAN(eps=0.6, min_samples=4, metric="precomputed").fit_predict(dense)
    assert cluster(features, k1=12, k2=4, eps=0.6, min_samples=4).tolist() == expected.tolist()


def test_clear_people_become_clusters_and_strangers_outliers() -> None:
    strangers = functional.normalize(torch.randn(5, 16, generator=torch.Generator().manual_seed(9)))
    features = torch.cat([people(12, 8, noise=0.1), strangers])
    found = described(features, cluster(features, k1=8, k2=1, eps=0.6, min_samples=4))
    assert found.labels[:96].reshape(12, 8).tolist() == [[person] * 8 for person in range(12)]
    assert (found.labels[96:] == OUTLIER).all()
    assert found.count == 12
    assert found.outliers == pytest.approx(5 / 101)
    assert found.largest == pytest.approx(8 / 101)
    assert found.silhouette > 0.8


def test_centres_are_means_of_length_one() -> None:
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.6, 0.8]])
    centres = cluster_centres(features, np.array([0, 0, OUTLIER, 1]))
    assert torch.allclose(centres, torch.tensor([[2**-0.5, 2**-0.5], [0.6, 0.8]]))


def test_silhouette_of_clusters_of_equal_images_is_scikit_learns() -> None:
    corners = torch.eye(3).repeat_interleave(2, dim=0)
    labels = np.array([0, 0, 1, 1, 2, 2])
    expected = silhouette_samples(corners.numpy(), labels, metric="cosine").mean()
    assert simplified_silhouette(corners, labels, cluster_centres(corners, labels)) == pytest.approx(expected)


def test_silhouette_by_hand() -> None:
    features = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    centres = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # distances to own and other centre: 0 and 1; 0.4 and 0.2; 0 and 1
    assert simplified_silhouette(features, np.array([0, 0, 1]), centres) == pytest.approx((1 - 0.5 + 1) / 3)


def test_no_cluster_and_one_cluster_have_no_silhouette() -> None:
    features = people(1, 6, noise=0.1)
    for labels in (np.full(6, OUTLIER), np.zeros(6, np.int64)):
        assert described(features, labels).silhouette == 0
    assert described(features, np.full(6, OUTLIER)).count == 0
    assert described(features, np.full(6, OUTLIER)).largest == 0


def test_agreement_ignores_numbers_and_counts_outliers_apart() -> None:
    first = np.array([0, 0, 1, 1, OUTLIER, OUTLIER])
    assert agreement(first, np.array([5, 5, 2, 2, OUTLIER, OUTLIER])) == 1
    assert agreement(first, np.array([0, 0, 1, 1, 2, 2])) < 1
    assert agreement(np.full(6, OUTLIER), np.zeros(6, np.int64)) == 0
