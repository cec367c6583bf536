"""Nearest neighbours by blocks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from simpgan.components.core.neighbours import nearest as blocks
from simpgan.components.core.neighbours.nearest import nearest


@given(count=st.integers(1, 40), wanted=st.integers(1, 8), cells=st.integers(1, 200), seed=st.integers(0, 100))
def test_neighbours_by_blocks_are_those_of_all_distances(count: int, wanted: int, cells: int, seed: int) -> None:
    features = functional.normalize(torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)))
    wanted = min(wanted, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CELLS", cells)
        found = nearest(features, wanted)
    cosines = (features @ features.T).fill_diagonal_(2)
    assert found.tolist() == cosines.argsort(1, descending=True)[:, :wanted].tolist()


def test_an_image_is_its_own_nearest_neighbour_beside_copies() -> None:
    features = functional.normalize(torch.ones(5, 4))
    assert nearest(features, 3)[:, 0].tolist() == [0, 1, 2, 3, 4]
