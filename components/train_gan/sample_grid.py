"""Pictures of translations while training."""

import numpy as np
import torch
from torch import Tensor


def sample_grid(images: Tensor, translated: Tensor) -> np.ndarray:
    """Images uint8 [N, 3, H, W] above their translations, as one picture [2 H, N W, 3]."""
    columns = torch.cat([images, translated], dim=2)
    return torch.cat(list(columns), dim=2).permute(1, 2, 0).cpu().numpy()
