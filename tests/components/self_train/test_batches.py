"""Identity-balanced batches over several cameras."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.self_train.batches import ClusterSampler
from simpgan.components.self_train.clustering import OUTLIER


@st.composite
def clustered(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels and cameras of some images; every cluster has an image."""
    count = draw(st.integers(1, 6))
    rest = draw(st.lists(st.integers(OUTLIER, count - 1), max_size=30))
    labels = np.array(draw(st.permutations([*range(count), *rest])), np.int64)
    cameras = np.array(draw(st.lists(st.integers(-1, 3), min_size=len(labels), max_size=len(labels))), np.int64)
    return labels, cameras


@given(clustered(), st.integers(2, 8), st.integers(2, 6), st.integers(0, 100))
def test_batches_have_as_many_images_of_each_cluster_by_as_many_cameras_as_there_are(
    images: tuple[np.ndarray, np.ndarray], identities: int, each: int, seed: int
) -> None:
    labels, cameras = images
    sampler = ClusterSampler(labels, cameras)
    rows = sampler.draw(identities, each, torch.Generator().manual_seed(seed)).view(identities, each).numpy()
    clusters = labels.max() + 1
    drawn = [labels[some] for some in rows]
    assert all((some == some[0]).all() and some[0] != OUTLIER for some in drawn)
    times = np.bincount([some[0] for some in drawn], minlength=clusters)
    assert times.max() - times.min() <= 1
    for some in rows:
        members = np.flatnonzero(labels == labels[some[0]])
        assert len(set(some)) == min(each, len(members))
        assert len(set(cameras[some])) == min(each, len(set(cameras[members])))


def test_every_image_of_a_cluster_is_drawn_sometimes() -> None:
    sampler = ClusterSampler(np.array([0, 1, 0, OUTLIER, 0, 1]), np.array([0, 0, 0, 0, 1, 1]))
    generator = torch.Generator().manual_seed(0)
    assert {int(row) for _ in range(50) for row in sampler.draw(2, 2, generator)} == {0, 1, 2, 4, 5}
