"""Random changes to a batch of images, on its device, drawn by a CPU generator so that every device sees the same.

Images are float [N, 3, H, W] in [-1, 1].
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue in grey (ITU-R BT.601)."""


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability one half."""
    mirrored = chosen(len(images), 0.5, generator)
    return torch.where(of_each(mirrored, images), images.flip(3), images)


def shift(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Crop each image at a random place after repeating its border by `pixels` on every side."""
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


def jitter(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change each image's brightness, then contrast, then saturation by factors from 1 - `strength` to 1 + `strength`.

    Contrast is the distance from the image's mean luminance, saturation that from each pixel's. The hue stays: people
    are known by the colours of their clothes.
    """
    if strength == 0:
        return images
    factors = 1 + strength * (2 * torch.rand(3, len(images), generator=generator) - 1)
    brightness, contrast, saturation = (of_each(factor, images) for factor in factors)
    light = ((images + 1) / 2 * brightness).clamp(0, 1)
    light = torch.lerp(luminance(light).mean((2, 3), keepdim=True), light, contrast).clamp(0, 1)
    light = torch.lerp(luminance(light), light, saturation).clamp(0, 1)
    return light * 2 - 1


def grey(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Take the colours from each image with `probability`."""
    if probability == 0:
        return images
    return torch.where(of_each(chosen(len(images), probability, generator), images), luminance(images), images)


def erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Random erasing (Zhong et al. 2020): paint a rectangle of each image mid-grey with `probability`.

    Its area is 2 to 40 % of the image's, its height 0.3 to 1 / 0.3 of its width; what would reach over the border is
    cut off in both.
    """
    if probability == 0:
        return images
    count, _, height, width = images.shape
    erased = chosen(count, probability, generator)
    share, aspect, down, right = torch.rand(4, count, generator=generator)
    area = (0.02 + 0.38 * share) * height * width
    ratio = (math.log(0.3) * (1 - 2 * aspect)).exp()
    tall = (area * ratio).sqrt().round().clamp(1, height)
    wide = (area / ratio).sqrt().round().clamp(1, width)
    rows = inside(height, tall, down)
    columns = inside(width, wide, right)
    hole = (rows[:, :, None] & columns[:, None, :] & erased[:, None, None]).to(images.device)
    return images.masked_fill(hole[:, None], 0)


def inside(size: int, lengths: Tensor, place: Tensor) -> Tensor:
    """Which of `size` positions lie in a stretch of each of `lengths` [N]: bool [N, size].

    `place` [N] says where it starts, from 0 (as early as it can) to 1 (as late).
    """
    starts = (place * (size - lengths + 1)).floor()[:, None]
    positions = torch.arange(size)
    return (positions >= starts) & (positions < starts + lengths[:, None])


def luminance(images: Tensor) -> Tensor:
    """Grey of each pixel: [N, 1, H, W]."""
    weights = torch.tensor(LUMINANCE, device=images.device, dtype=images.dtype)
    return (images * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)


def chosen(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Which of `count` images an event of that probability happens to: bool [count]."""
    return torch.rand(count, generator=generator) < probability


def of_each(values: Tensor, images: Tensor) -> Tensor:
    """One value for each image [N] in a shape that fits `images`, on their device."""
    return values.to(images.device).view(-1, 1, 1, 1)
