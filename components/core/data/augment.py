"""Random changes to a batch of images, on its device, drawn by a CPU generator so that every device sees the same."""

import torch
from torch import Tensor
from torch.nn import functional


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image [N, 3, H, W] left to right with probability one half."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored.to(images.device).view(-1, 1, 1, 1), images.flip(3), images)


def shift(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Crop each image [N, 3, H, W] at a random place after repeating its border by `pixels` on every side."""
    if pixels == 0:
        return images
    count, _, height, width = images.shape
    padded = functional.pad(images, (pixels,) * 4, mode="replicate")
    offsets = torch.randint(2 * pixels + 1, (2, count, 1), generator=generator)
    rows = (offsets[0] + torch.arange(height)).to(images.device)
    columns = (offsets[1] + torch.arange(width)).to(images.device)
    image = torch.arange(count, device=images.device)
    return (
        padded.permute(0, 2, 3, 1)[image[:, None, None], rows[:, :, None], columns[:, None, :]]
        .permute(0, 3, 1, 2)
        .contiguous()
    )
