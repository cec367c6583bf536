"""The best dictionary: its conditions, and an independent solver."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.umdl.dictionaries import best_dictionary, best_multipliers, dual


def problem(seed: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Images [7, 20] and codes [5, 20]; the smaller the codes, the more atoms want to be long."""
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((7, 20))
    return images, scale * (rng.standard_normal((5, 20)) + rng.random((5, 1)))


def loss(dictionary: np.ndarray, images: np.ndarray, codes: np.ndarray) -> float:
    return float(((images - dictionary @ codes) ** 2).sum())


def by_projected_gradient(images: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Steps down the slope, atoms cut back to length 1, with Nesterov's momentum: slow, and surely right."""
    power, step = codes @ codes.T, 1 / np.linalg.eigvalsh(codes @ codes.T)[-1]
    dictionary = ahead = np.zeros((len(images), len(codes)))
    for iteration in range(20_000):
        down = ahead - step * (ahead @ power - images @ codes.T)
        new = down / np.maximum(1, np.linalg.norm(down, axis=0))
        ahead = new + iteration / (iteration + 3) * (new - dictionary)
        dictionary = new
    return dictionary


SCALES = st.sampled_from([0.03, 0.3, 1.0, 3.0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), SCALES)
def test_multipliers_satisfy_the_conditions_of_the_optimum(seed: int, scale: float) -> None:
    images, codes = problem(seed, scale)
    power, right = codes @ codes.T, images @ codes.T
    multipliers = best_multipliers(power, right.T @ right)
    dictionary = right @ np.linalg.inv(power + np.diag(multipliers))
    lengths = np.linalg.norm(dictionary, axis=0)
    assert (multipliers >= 0).all()
    assert (lengths <= 1 + 1e-6).all()
    np.testing.assert_allclose(multipliers * (1 - lengths), 0, atol=1e-6 * multipliers.max(initial=1))
    np.testing.assert_allclose(best_dictionary(power, right), dictionary, atol=1e-6)


@pytest.mark.parametrize("scale", [0.03, 0.3, 1.0])
def test_it_is_what_projected_gradients_find(scale: float) -> None:
    images, codes = problem(3, scale)
    expected = by_projected_gradient(images, codes)
    found = best_dictionary(codes @ codes.T, images @ codes.T)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert loss(found, images, codes) <= loss(expected, images, codes) + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), SCALES)
def test_no_dictionary_with_such_atoms_is_better(seed: int, scale: float) -> None:
    images, codes = problem(seed, scale)
    found = best_dictionary(codes @ codes.T, images @ codes.T)
    assert (np.linalg.norm(found, axis=0) <= 1 + 1e-12).all()
    other = np.random.default_rng(seed + 1).standard_normal(found.shape)
    other /= np.maximum(1, np.linalg.norm(other, axis=0))
    for mixed in (other, 0.99 * found + 0.01 * other):
        assert loss(found, images, codes) <= loss(mixed, images, codes) * (1 + 1e-9)


def test_where_no_atom_is_too_long_it_is_least_squares() -> None:
    images, codes = problem(0, 30)
    found = best_dictionary(codes @ codes.T, images @ codes.T)
    np.testing.assert_allclose(found, np.linalg.lstsq(codes.T, images.T)[0].T, atol=1e-8)


def test_one_atom_by_hand() -> None:
    # Images (3, 4) with code 1: the best atom is (3, 4), cut to (0.6, 0.8). Code 10: it is (0.3, 0.4).
    np.testing.assert_allclose(best_dictionary(np.array([[1.0]]), np.array([[3.0], [4.0]])), [[0.6], [0.8]])
    np.testing.assert_allclose(best_dictionary(np.array([[100.0]]), np.array([[30.0], [40.0]])), [[0.3], [0.4]])


def test_an_atom_that_nobody_uses_harms_nobody() -> None:
    images, codes = problem(0, 0.3)
    with_unused = np.vstack([codes, np.zeros(20)])
    found = best_dictionary(with_unused @ with_unused.T, images @ with_unused.T)
    np.testing.assert_allclose(found[:, :5], best_dictionary(codes @ codes.T, images @ codes.T), atol=1e-6)
    np.testing.assert_array_equal(found[:, 5], 0)


def test_codes_that_depend_on_each_other_are_no_obstacle() -> None:
    images, codes = problem(0, 0.3)
    twice = np.vstack([codes, codes])
    found = best_dictionary(twice @ twice.T, images @ twice.T)
    assert np.isfinite(found).all()
    assert loss(found, images, twice) <= loss(by_projected_gradient(images, twice), images, twice) * (1 + 1e-6)


def test_slope_and_curvature_are_those_of_the_value() -> None:
    images, codes = problem(1)
    power, right = codes @ codes.T, images @ codes.T
    at, small = np.array([0.5, 0.1, 2.0, 0.7, 1.0]), 1e-5
    _, slope, curvature = dual(power, right.T @ right, at)
    for k in range(5):
        more, less = (dual(power, right.T @ right, at + sign * small * np.eye(5)[k]) for sign in (1, -1))
        assert slope[k] == pytest.approx((more[0] - less[0]) / (2 * small), abs=1e-5)
        np.testing.assert_allclose(curvature[k], (more[1] - less[1]) / (2 * small), atol=1e-5)
