"""Colour transfer: match the target's colours to the source's, channel by channel, without training a translator."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from simpgan.components.core.data.image_tensors import to_unit_range


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """Mean and standard deviation of the values of each channel over pixels: [3] or [N, 3] float64, in 0..255."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of_all(cls, batches: Iterable[Tensor]) -> "ChannelStatistics":
        """Compute statistics [3] over all pixels of all images; batches are uint8 [N, 3, H, W]."""
        pixels, total, squares = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
        for batch in batches:
            values = batch.double()
            pixels += values[:, 0].numel()
            total += values.sum((0, 2, 3))
            squares += values.square().sum((0, 2, 3))
        mean = total / pixels
        return cls(mean, (squares / pixels - mean.square()).clamp(min=0).sqrt())

    @classmethod
    def of_each(cls, images: Tensor) -> "ChannelStatistics":
        """Compute statistics [N, 3] of each image of uint8 [N, 3, H, W]."""
        values = images.double()
        return cls(values.mean((2, 3)), values.std((2, 3), correction=0))


def transfer_colours(images: Tensor, *, wanted: ChannelStatistics, own: ChannelStatistics | None = None) -> Tensor:
    """Shift and scale the channels of images from the statistics `own` to those `wanted`, and clip the values.

    Args:
        images: uint8 [N, 3, H, W].
        wanted: statistics of the source.
        own: statistics of the set that contains the images; None: each image's own.

    Returns:
        [N, 3, H, W] float32 in [-1, 1]. A channel of one value takes the wanted mean.
    """
    own = own or ChannelStatistics.of_each(images)

    def per_pixel(values: Tensor) -> Tensor:
        return values.to(images.device, torch.float32).reshape(-1, 3, 1, 1)

    factor = per_pixel(wanted.deviation) / per_pixel(own.deviation).clamp(min=1e-3)
    moved = (images.float() - per_pixel(own.mean)) * factor + per_pixel(wanted.mean)
    return to_unit_range(moved.clamp(0, 255))
