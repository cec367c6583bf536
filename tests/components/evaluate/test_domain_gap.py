"""The overlap of clouds of features, and their map."""

import numpy as np
import pytest

from simpgan.components.evaluate.domain_gap import overlap, plane


def cloud(seed: int, count: int, middle: int = 0, width: int = 8) -> np.ndarray:
    """Points of length 1 around an axis."""
    points = np.random.default_rng(seed).normal(0, 0.1, (count, width))
    points[:, middle] += 1
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def test_clouds_far_apart_do_not_overlap() -> None:
    assert overlap(cloud(0, 50), cloud(1, 50, middle=1)) == 0


def test_clouds_from_one_place_cannot_be_told_apart() -> None:
    assert overlap(cloud(0, 500), cloud(1, 500)) == pytest.approx(1, abs=0.05)


def test_the_overlap_lies_between_when_a_part_of_a_cloud_has_moved() -> None:
    half_moved = np.concatenate([cloud(1, 100), cloud(2, 100, middle=1)])
    assert 0.3 < overlap(cloud(0, 200), half_moved) < 0.9


def test_by_hand_with_one_neighbour() -> None:
    """Angles 0 and 90 of the first cloud, 1 and 40 of the second. Nearest: 0 -> 1 (other), 90 -> 40 (other),
    1 -> 0 (other), 40 -> 1 (own): 3 of 4, where chance gives 2 of 3."""
    angles = np.deg2rad([0, 90, 1, 40])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert overlap(points[:2], points[2:], neighbours=1) == pytest.approx((3 / 4) / (2 / 3))


def test_with_more_neighbours_than_points_it_is_chance() -> None:
    assert overlap(cloud(0, 3), cloud(1, 3, middle=1), neighbours=10) == pytest.approx(1)


def test_clouds_of_different_sizes_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="as many points of both"):
        overlap(cloud(0, 3), cloud(1, 4))


def test_the_map_keeps_clouds_apart_and_is_the_same_every_time() -> None:
    clouds = {"source": cloud(0, 30), "recorded": cloud(1, 20, middle=1)}
    points = plane(clouds, seed=3)
    assert {name: values.shape for name, values in points.items()} == {"source": (30, 2), "recorded": (20, 2)}
    between = np.linalg.norm(points["source"].mean(0) - points["recorded"].mean(0))
    assert between > 2 * max(values.std() for values in points.values())
    for name, values in plane(clouds, seed=3).items():
        np.testing.assert_array_equal(values, points[name])


def test_features_that_are_all_the_same_have_a_map_too() -> None:
    points = plane({"source": np.zeros((12, 8), np.float32), "adapted": np.zeros((12, 8), np.float32)}, seed=0)
    assert np.isfinite(points["adapted"]).all()
