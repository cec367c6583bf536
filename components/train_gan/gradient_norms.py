"""Gradient norm of each generator loss.

The similarity's gradient is small once reconstructions are good, because the cycle ties them to the images; these norms
show it.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from simpgan.components.core.training.distributed import mean_over_processes


def gradient_norms(
    parts: Mapping[str, Tensor], weights: Mapping[str, float], parameters: Sequence[nn.Parameter]
) -> dict[str, Tensor]:
    """Return the L2 norm, over all `parameters`, of the gradient of each weighted loss.

    The norms are scalars on the device, and the graph is kept. Processes that share a batch get the norm of the joint
    batch's gradient.

    Args:
        parts: losses by name.
        weights: weight of each loss in Eq. 11.
        parameters: parameters of both generators.
    """
    norms = {}
    for name, loss in parts.items():
        gradients = torch.autograd.grad(weights[name] * loss, parameters, retain_graph=True, allow_unused=True)
        reached = torch.cat([gradient.flatten() for gradient in gradients if gradient is not None])
        norms[name] = torch.linalg.vector_norm(mean_over_processes(reached))
    return norms
