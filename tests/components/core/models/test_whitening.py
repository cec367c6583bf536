"""Whitened features."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import fractional_matrix_power

from simpgan.components.core.models.whitening import RIDGE, Whitening


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@given(images=st.integers(2, 40), dimensions=st.integers(2, 12), seed=st.integers(0, 1000))
def test_features_are_those_of_the_dense_definition(images: int, dimensions: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scales = random.uniform(0.1, 3, dimensions)
    unlabelled, features = (unit(1 + scales * random.normal(size=(count, dimensions))) for count in (images, 5))
    covariance = np.cov(unlabelled.astype(float).T, bias=True)
    ridge = RIDGE * np.trace(covariance) / dimensions * np.eye(dimensions)
    expected = (features - unlabelled.mean(0)) @ fractional_matrix_power(covariance + ridge, -0.5).real
    assert np.allclose(Whitening.of(unlabelled)(features), unit(expected), atol=2e-3)


def test_a_direction_that_all_people_share_counts_less() -> None:
    random = np.random.default_rng(0)
    unlabelled = random.normal(size=(500, 200)) * np.array([9, *[1] * 199])
    probe, same, other = (
        np.eye(200)[1] + np.outer([1.5, -1.5, 1.5], np.eye(200)[0]) + np.outer([0, 0, 1], np.eye(200)[2])
    )
    other -= np.eye(200)[1]
    before = unit(np.stack([probe, same, other]))
    after = Whitening.of(unit(unlabelled))(before)
    assert before[0] @ before[1] < before[0] @ before[2]
    assert after[0] @ after[1] > after[0] @ after[2]


def test_features_that_are_all_alike_stay_finite() -> None:
    alike = np.ones((3, 4), np.float32) / 2
    assert (Whitening.of(alike)(alike) == 0).all()
