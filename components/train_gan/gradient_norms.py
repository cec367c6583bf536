"""How hard each generator loss pulls.

The similarity's gradient is small once reconstructions are good, because the cycle pins them to the images; these norms
show it.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from components.core.runtime.distributed import mean_over_processes


def gradient_norms(weighted: Mapping[str, Tensor], parameters: Sequence[nn.Parameter]) -> dict[str, Tensor]:
    """L2 norm over all `parameters` of the gradient of each loss, scalars on the device; the graph is kept.

    Of processes that share a batch it is the norm of the joint batch's gradient.
    """
    norms = {}
    for name, loss in weighted.items():
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        reached = torch.cat([gradient.flatten() for gradient in gradients if gradient is not None])
        norms[name] = torch.linalg.vector_norm(mean_over_processes(reached))
    return norms
