"""Probes that are computed together have the features that each has alone."""

import numpy as np
import pytest

from simpgan.components.core.registry.adaptation import load_adaptation
from simpgan.components.search.serve.features import OVERHEAD, SIZES, features_of_pictures, sizes_for
from tests.components.search.serve.conftest import Given


@pytest.mark.parametrize("images", [1, 3, 11, 25, 64])
def test_batches_hold_all_images_and_cost_no_more_than_other_sizes(images: int) -> None:
    costs = {0: 0}  # of the cheapest batches that hold at least so many images
    for count in range(1, images + 1):
        costs[count] = min(size + OVERHEAD + costs[max(count - size, 0)] for size in SIZES)
    sizes = sizes_for(images)
    assert sum(sizes) - sizes[-1] < images <= sum(sizes)
    assert sum(sizes) + OVERHEAD * len(sizes) == costs[images]


def test_features_do_not_depend_on_the_probes_beside_them(given: Given) -> None:
    adaptation = load_adaptation(given.model, precision="fp32")
    pictures = np.random.default_rng(0).integers(0, 256, (29, 3, *adaptation.size), np.uint8)
    together = features_of_pictures(adaptation, pictures, [None] * 29)
    alone = [features_of_pictures(adaptation, each[None], [None])[0] for each in pictures]
    assert together == pytest.approx(np.stack(alone), abs=1e-5)
