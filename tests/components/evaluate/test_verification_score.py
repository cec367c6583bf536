"""Joined features, and rankings by the verification score against the classifier's own, pair by pair."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.extraction import Extracted
from simpgan.components.evaluate.evaluation import fuse
from simpgan.components.evaluate.metrics import rank
from simpgan.components.evaluate.verification_score import verification_vectors


def unit(random: np.random.Generator, count: int, width: int) -> np.ndarray:
    features = random.standard_normal((count, width)).astype(np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def test_joined_features_are_both_one_behind_the_other_with_length_1() -> None:
    random = np.random.default_rng(0)
    first, second = (Extracted(np.arange(5), unit(random, 5, width)) for width in (3, 4))
    joined = fuse(first, second)
    np.testing.assert_allclose(joined.unit * np.sqrt(2), np.hstack([first.unit, second.unit]), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(joined.unit, axis=1), 1, rtol=1e-6)
    mean_of_cosines = (first.unit @ first.unit.T + second.unit @ second.unit.T) / 2
    np.testing.assert_allclose(joined.unit @ joined.unit.T, mean_of_cosines, atol=1e-6)


@pytest.fixture(scope="module")
def classifier() -> SiameseClassifier:
    """With weights of both signs: nothing keeps training from making some of them positive."""
    torch.manual_seed(0)
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=32)).eval()
    torch.nn.init.normal_(network.verification_head.weight, -0.02, 0.02)
    torch.nn.init.constant_(network.verification_head.bias, 3)
    return network


def embeddings(seed: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Of 8 probes and 40 gallery images: far from 0 and near one another, as those of a network are."""
    random = np.random.default_rng(seed)
    middle = 5 * random.random(512)
    return tuple((scale * (middle + random.standard_normal((count, 512)))).astype(np.float32) for count in (8, 40))


def wrong_in_front(network: SiameseClassifier, probes: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """For each probe, how many gallery images have a higher verification logit than the one of its number."""
    exact = deepcopy(network).double()
    first, second = torch.from_numpy(probes).double(), torch.from_numpy(gallery).double()
    with torch.no_grad():
        logits = np.stack([exact.verification_logit(probe.expand(len(second), -1), second).numpy() for probe in first])
    own = np.arange(len(probes))
    return (logits > logits[own, own][:, None]).sum(axis=1)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_rank_is_that_of_the_classifiers_own_score_of_every_pair(
    classifier: SiameseClassifier, scale: float
) -> None:
    probes, gallery = embeddings(1, scale)
    weight = classifier.verification_head.weight.detach().numpy()[0]
    result = rank(
        *verification_vectors(weight, probes, gallery),
        query_person=np.arange(8),
        gallery_person=np.arange(40),
        query_camera=np.zeros(8),
        gallery_camera=np.ones(40),
    )
    np.testing.assert_array_equal(result.first_rank - 1, wrong_in_front(classifier, probes, gallery))


@given(st.integers(0, 2**32 - 1), st.sampled_from([-1.0, 1.0]))
@settings(deadline=None)
def test_differences_of_scores_are_proportional_to_those_of_dot_products(seed: int, sign: float) -> None:
    random = np.random.default_rng(seed)
    weight = (sign * random.random(6)).astype(np.float32)
    probe, gallery = random.normal(3, 1, (1, 6)).astype(np.float32), random.normal(3, 1, (9, 6)).astype(np.float32)
    of_probe, of_gallery = verification_vectors(weight, probe, gallery)
    assert np.linalg.norm(of_probe) == pytest.approx(1)
    assert np.linalg.norm(of_gallery, axis=1).max() == pytest.approx(1)
    products = (of_probe @ of_gallery.T)[0].astype(np.float64)
    scores = ((probe.astype(np.float64) - gallery) ** 2) @ weight
    centred, expected = products - products.mean(), scores - scores.mean()
    np.testing.assert_allclose(centred / np.abs(centred).max(), expected / np.abs(expected).max(), atol=1e-4)


def test_features_that_are_all_the_same_are_tied() -> None:
    same = np.ones((3, 4), np.float32)
    probes, gallery = verification_vectors(np.ones(4, np.float32), same, same)
    assert np.ptp(probes @ gallery.T) == 0
