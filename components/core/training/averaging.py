"""Running averages of a network's weights."""

import torch
from torch import nn


@torch.no_grad()
def update_ema(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move a running average of a network's weights, which is the plain mean until 1 / (1 - decay) steps are done."""
    weight = 1 - min(decay, step / (step + 1))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), weight)
