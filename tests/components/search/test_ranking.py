"""The nearest gallery images are those that comparing everything finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.search import ranking
from simpgan.components.search.ranking import nearest


@given(
    probes=st.integers(1, 4),
    gallery=st.integers(1, 40),
    top=st.integers(1, 50),
    block=st.integers(1, 45),
    seed=st.integers(0, 1000),
)
def test_nearest_equals_sorting_everything(probes: int, gallery: int, top: int, block: int, seed: int) -> None:
    """Small integers are exact in any order of additions, and have many ties."""
    random = np.random.default_rng(seed)
    probe, images = (random.integers(-1, 2, (count, 5)).astype(np.float32) for count in (probes, gallery))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "BLOCK", block)
        rows, similarities = nearest(probe, images, top)
    everything = probe @ images.T
    expected = np.argsort(-everything, axis=1, kind="stable")[:, :top]
    assert rows.tolist() == expected.tolist()
    assert similarities.tolist() == np.take_along_axis(everything, expected, 1).tolist()


def test_of_equals_the_first_row_comes_first() -> None:
    gallery = np.ones((5, 2), np.float32)
    rows, _ = nearest(np.ones((1, 2), np.float32), gallery, 3)
    assert rows.tolist() == [[0, 1, 2]]


def test_more_are_asked_for_than_there_are() -> None:
    rows, similarities = nearest(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)[::-1].copy(), 20)
    assert rows.tolist() == [[1, 0], [0, 1]]
    assert similarities.tolist() == [[1, 0], [1, 0]]
