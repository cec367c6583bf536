"""Clusters of images, compared with dense implementations that hold all distances."""

import numpy as np
import pytest
import torch
from sklearn.cluster import DBSCAN
from sklearn.metrics import silhouette_samples
from torch.nn import functional

from simpgan.components.self_train.clustering import (
    OUTLIER,
    agreement,
    cluster,
    cluster_centres,
    described,
    simplified_silhouette,
)
from tests.components.core.neighbours.test_jaccard import dense_jaccard, people


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
