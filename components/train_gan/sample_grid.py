"""Sample translations as one picture."""

import numpy as np
import torch
from torch import Tensor


def sample_grid(images: Tensor, translated: Tensor) -> np.ndarray:
    """Return a picture [2 H, N W, 3] of images uint8 [N, 3, H, W] above their translations."""
    columns = torch.cat([images, translated], dim=2)
    return torch.cat(list(columns), dim=2).permute(1, 2, 0).cpu().numpy()
