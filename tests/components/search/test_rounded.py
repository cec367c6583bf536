"""Candidates by bfloat16 lead to the images that comparing everything in float32 finds."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.search import rounded
from simpgan.components.search.ranking import nearest
from simpgan.components.search.rounded import RoundedFeatures, most_for


def unit(features: np.ndarray) -> np.ndarray:
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)


@given(
    probes=st.integers(1, 4),
    gallery=st.integers(1, 600),
    top=st.integers(1, 30),
    spread=st.sampled_from([1.0, 0.1, 1e-3]),
    seed=st.integers(0, 1000),
)
def test_nearest_equals_comparing_everything(probes: int, gallery: int, top: int, spread: float, seed: int) -> None:
    """With a small spread all images are about as similar, so candidates alone would not do."""
    random = np.random.default_rng(seed)
    centre = random.normal(size=48)
    images = unit(centre + spread * random.normal(size=(gallery, 48)))
    looked_for = unit(centre + spread * random.normal(size=(probes, 48)))
    rows, similarities = RoundedFeatures(images).nearest(looked_for, top)
    expected_rows, expected = nearest(looked_for, images, top)
    assert similarities == pytest.approx(expected, abs=1e-6)
    everything = looked_for @ images.T
    assert np.take_along_axis(everything, rows, 1) == pytest.approx(expected, abs=1e-6)
    apart = np.abs(np.diff(expected, axis=1)).min(initial=1) > 1e-6
    last = np.partition(everything, -top - 1, axis=1)[:, -top - 1] if top < gallery else np.full(probes, -2)
    if apart and (expected[:, -1] - last).min() > 1e-6:
        assert rows.tolist() == expected_rows.tolist()


def test_of_equals_the_first_row_comes_first() -> None:
    images = np.repeat(unit(np.eye(3, 48)), 200, axis=0)
    rows, _ = RoundedFeatures(images).nearest(images[250:251], 3)
    assert rows.tolist() == [[200, 201, 202]]


def test_candidates_are_enough_where_images_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    images = unit(np.random.default_rng(0).normal(size=(5000, 48)))
    expected = nearest(images[:4], images, 5)[0]
    monkeypatch.setattr(rounded, "nearest", lambda *_: pytest.fail("everything is compared"))
    assert RoundedFeatures(images).nearest(images[:4], 5)[0].tolist() == expected.tolist()


@given(seed=st.integers(0, 1000), dimensions=st.sampled_from([8, 64, 2048]), equal=st.booleans())
def test_no_similarity_is_higher_than_its_rounded_value_allows(seed: int, dimensions: int, equal: bool) -> None:
    """Also with numbers of equal size, where the bound is met best."""
    random = np.random.default_rng(seed)
    numbers = random.choice([-1.0, 1.0], (20, dimensions)) + (0 if equal else random.normal(size=(20, dimensions)))
    features = torch.from_numpy(unit(numbers + 1e-3 * random.normal(size=numbers.shape)))
    rough = (features.bfloat16() @ features.bfloat16().T).double().numpy()
    exact = (features.double() @ features.double().T).numpy()
    assert (exact <= np.vectorize(most_for)(rough)).all()
