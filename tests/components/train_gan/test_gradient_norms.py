"""Gradient norms of losses."""

import pytest
import torch
from torch import nn

from simpgan.components.core.models.translator import Generator, GeneratorConfig
from simpgan.components.train_gan.gradient_norms import gradient_norms


def test_norms_are_those_of_the_weighted_losses() -> None:
    one, other = nn.Parameter(torch.tensor([3.0, 4.0])), nn.Parameter(torch.zeros(2))
    # The gradient of 10 * |w|^2 / 2 is 10 w, of norm 50; that of sum(w) + 2 sum(other) is (1, 1, 2, 2).
    losses = {"square": one.square().sum() / 2, "sum": one.sum() + 2 * other.sum()}
    norms = gradient_norms(losses, {"square": 10.0, "sum": 1.0}, [one, other])
    assert {name: norm.item() for name, norm in norms.items()} == pytest.approx({"square": 50, "sum": 10**0.5})
    assert one.grad is None


@pytest.mark.parametrize("recompute", [False, True])
def test_the_graph_is_kept_for_the_update(recompute: bool) -> None:
    torch.manual_seed(0)
    config = GeneratorConfig(height=32, width=32, channels=4, blocks=2)
    generator = Generator(config, recompute=recompute)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    translated = generator(images)
    losses = {"bright": translated.mean(), "near": (translated - images).abs().mean()}
    norms = gradient_norms(losses, dict.fromkeys(losses, 1.0), list(generator.parameters()))
    losses["near"].backward()
    squares = sum(parameter.grad.square().sum() for parameter in generator.parameters())
    assert norms["near"].item() == pytest.approx(float(squares) ** 0.5, rel=1e-5)
