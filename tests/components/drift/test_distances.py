"""The distance of two sets of images, and what chance would make of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.stats import kstest

from simpgan.components.drift.distances import compare, reduce_dimensions


def drawn(seed: int, images: int = 20, size: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(images, size)).astype(np.float32)


def test_the_distance_is_that_of_the_covariances_square_root() -> None:
    first, second = drawn(0, 40, 5), drawn(1, 40, 5) @ drawn(2, 5, 5) + 1
    one, other = (np.cov(features.astype(float), rowvar=False) for features in (first, second))
    root = sqrtm(one)
    means = np.square(first.astype(float).mean(0) - second.astype(float).mean(0)).sum()
    expected = means + np.trace(one + other - 2 * sqrtm(root @ other @ root)).real
    found = compare(first, second.astype(np.float32), 4, 19, np.random.default_rng(0))
    assert found.distance == pytest.approx(expected, rel=1e-4)


@given(st.integers(0, 1000), st.integers(2, 30), st.integers(1, 40))
def test_fewer_dimensions_keep_all_distances(seed: int, images: int, size: int) -> None:
    features = drawn(seed, images, size)
    turned = reduce_dimensions(features)
    assert turned.shape == (images, min(images, size))
    centred = features - features.mean(0, dtype=np.float64)
    np.testing.assert_allclose(turned @ turned.T, centred @ centred.T, atol=1e-9)


def test_a_shift_is_found_and_its_p_value_is_the_least_there_is() -> None:
    found = compare(drawn(0), drawn(1) + 5, 1, 99, np.random.default_rng(0))
    assert found.p == 0.01
    assert found.ratio > 10
    assert found.usual < found.upper < found.distance


def test_p_values_of_sets_that_do_not_differ_are_evenly_spread() -> None:
    found = [compare(drawn(2 * each), drawn(2 * each + 1), 2, 19, np.random.default_rng(each)).p for each in range(60)]
    assert kstest(found, "uniform").pvalue > 0.01


def test_neighbours_that_are_alike_are_no_change_as_blocks() -> None:
    """Ten images in a row of each person: single images would call other people another camera."""
    people = np.repeat(drawn(0, 16, 8), 10, axis=0) + 0.05 * drawn(1, 160, 8)
    before, now = people[:80], people[80:]
    by_image, by_person = (compare(before, now, block, 99, np.random.default_rng(0)).p for block in (1, 10))
    assert by_image == 0.01
    assert by_person > 0.05


def test_images_that_are_all_the_same_differ_by_nothing() -> None:
    found = compare(np.ones((10, 3), np.float32), np.ones((10, 3), np.float32), 1, 19, np.random.default_rng(0))
    assert found.distance == pytest.approx(0, abs=1e-12)
    assert found.p == 1


@pytest.mark.parametrize(("images", "block"), [(19, 1), (20, 3)])
def test_sets_must_be_of_one_size_in_whole_blocks(images: int, block: int) -> None:
    with pytest.raises(ValueError, match="in blocks of"):
        compare(drawn(0), drawn(1, images), block, 19, np.random.default_rng(0))
