"""The losses of section 4.3 against cases computed by hand."""

import math

import pytest
import torch
from torch import nn

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.train_gan import losses


def patches(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


def test_generator_wants_its_fakes_judged_one() -> None:
    # One pair, judged 0.5 and 1: (0.5 - 1)^2 + (1 - 1)^2.
    assert losses.generator_adversarial(patches(0.5, 1)).item() == pytest.approx(0.25)


def test_two_pairs_are_averaged() -> None:
    # Pairs (0.5, 1) and (0, 1) as first, first, second, second: (0.25 + 1) / 2.
    assert losses.generator_adversarial(patches(0.5, 0, 1, 1)).item() == pytest.approx(0.625)


def test_discriminator_wants_fakes_zero_and_reals_one() -> None:
    # Fakes 0.5 and 0, reals 1 and 0: 0.25 + 0 + 0 + 1.
    assert losses.discriminator_adversarial(patches(0.5, 0), patches(1, 0)).item() == pytest.approx(1.25)


def test_cycle_is_the_mean_over_pixels_and_the_sum_over_the_pair() -> None:
    images = torch.zeros(2, 3, 4, 4)
    rebuilt = images.clone()
    rebuilt[0] += 0.5
    rebuilt[1] -= 0.25
    assert losses.cycle_consistency(rebuilt, images).item() == pytest.approx(0.75)


def test_similarity_is_the_binary_cross_entropy_of_the_pairs() -> None:
    classifier = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=32)).freeze()
    nn.init.zeros_(classifier.verification_head.weight)
    nn.init.constant_(classifier.verification_head.bias, math.log(3))  # q is 0.75 for any pair
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    loss = losses.similarity(classifier, images, torch.tensor([1.0, 0.0]))
    assert loss.item() == pytest.approx((-math.log(0.75) - math.log(0.25)) / 2, rel=1e-5)
