"""The contrastive loss and its memory, by hand and against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch import nn
from torch.nn import functional

from simpgan.components.self_train.losses import CentreMemory, ContrastiveLoss


def test_a_centre_moves_towards_each_image_in_turn() -> None:
    memory = CentreMemory(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), 0.2)
    memory.move(torch.tensor([[0.0, 3.0], [2.0, 0.0]]), torch.tensor([0, 0]))
    first = np.array([0.2, 0.8]) / math.hypot(0.2, 0.8)
    second = 0.2 * first + [0.8, 0]
    assert np.allclose(memory.centres[0], second / np.linalg.norm(second), atol=1e-6)
    assert memory.centres[1].tolist() == [0, 1]


def test_the_loss_is_the_cross_entropy_of_scaled_cosines() -> None:
    generator = torch.Generator().manual_seed(0)
    features, centres = torch.randn(5, 4, generator=generator), torch.randn(3, 4, generator=generator)
    labels = torch.tensor([0, 2, 1, 1, 0])
    loss = ContrastiveLoss(nn.Identity(), CentreMemory(functional.normalize(centres), 0.1), 0.05)
    values, (found,) = loss([("target", features, labels)])
    cosines = functional.cosine_similarity(features[:, None], centres[None], dim=2).double() / 0.05
    expected = log_loss(labels, cosines.softmax(1), labels=[0, 1, 2])
    assert values["loss/target"].item() == pytest.approx(expected, rel=1e-4)
    accuracy = (cosines.argmax(1) == labels).double().mean().item()
    assert values["train/target_accuracy"].item() == pytest.approx(accuracy)
    assert torch.allclose(found, functional.normalize(features))


def test_each_data_set_is_normalised_by_itself() -> None:
    """In training mode, a network sees the source's batch as if there were no other."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train()
    loss = ContrastiveLoss(network, CentreMemory(functional.normalize(torch.randn(3, 4)), 0.1), 0.05)
    first, second, labels = torch.randn(6, 4), torch.randn(6, 4) + 5, torch.tensor([0, 1, 2, 0, 1, 2])
    together, _ = loss([("target", first, labels), ("source", second, labels)])
    alone, _ = loss([("source", second, labels)])
    assert together["loss/source"].item() == alone["loss/source"].item()
