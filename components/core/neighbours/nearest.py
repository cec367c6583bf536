"""Nearest neighbours by cosine, computed by blocks of images: never all distances at a time."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CELLS = 2**25
"""Cosines that are in memory at a time, 128 MB."""


def nearest(features: Tensor, count: int) -> NDArray[np.int32]:
    """Return the `count` images nearest to each image by cosine: [N, count], nearest first, itself at the front.

    Args:
        features: [N, D] of length 1, on the device to compute on.
        count: number of neighbours, N at most.
    """
    rows = max(1, CELLS // len(features))
    found = []
    for start in range(0, len(features), rows):
        block = features[start : start + rows]
        cosines = block @ features.T
        own = torch.arange(len(block), device=features.device)
        cosines[own, start + own] = torch.inf  # an image is its own nearest one, also beside copies of it
        found.append(cosines.topk(count).indices.to(torch.int32).cpu())
    return torch.cat(found).numpy()
