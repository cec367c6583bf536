"""Random augmentation of a batch of images on its device, drawn by a CPU generator, so every device sees the same.

Images are float [N, 3, H, W] in [-1, 1].
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from simpgan.components.core.data.image_tensors import send

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability one half."""
    mirrored = random_mask(len(images), 0.5, generator)
    return torch.where(per_image(mirrored, images), images.flip(3), images)


def shift(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Crop each image at a random place after repeating its border by `pixels` on every side."""
    if pixels == 0:
        return images
    count, _, height, width = images.shape
    padded = functional.pad(images, (pixels,) * 4, mode="replicate")
    offsets = torch.randint(2 * pixels + 1, (2, count, 1), generator=generator)
    rows = send(offsets[0] + torch.arange(height), images.device)
    columns = send(offsets[1] + torch.arange(width), images.device)
    image = torch.arange(count, device=images.device)
    return (
        padded.permute(0, 2, 3, 1)[image[:, None, None], rows[:, :, None], columns[:, None, :]]
        .permute(0, 3, 1, 2)
        .contiguous()
    )


def jitter(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change each image's brightness, then contrast, then saturation by factors from 1 - `strength` to 1 + `strength`.

    Contrast is the distance from the image's mean luminance, saturation the distance from each pixel's luminance. The
    hue stays: people are known by the colours of their clothes.
    """
    if strength == 0:
        return images
    factors = 1 + strength * (2 * torch.rand(3, len(images), generator=generator) - 1)
    brightness, contrast, saturation = (per_image(factor, images) for factor in factors)
    light = ((images + 1) / 2 * brightness).clamp(0, 1)
    light = torch.lerp(luminance(light).mean((2, 3), keepdim=True), light, contrast).clamp(0, 1)
    light = torch.lerp(luminance(light), light, saturation).clamp(0, 1)
    return light * 2 - 1


def grey(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Remove the colours of each image with `probability`."""
    if probability == 0:
        return images
    return torch.where(per_image(random_mask(len(images), probability, generator), images), luminance(images), images)


def erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Paint a random rectangle of each image mid-grey with `probability` (random erasing, Zhong et al. 2020).

    Its area is 2 to 40 % of the image's, its height 0.3 to 1 / 0.3 of its width; height and width are cut at the
    image's border.
    """
    if probability == 0:
        return images
    count, _, height, width = images.shape
    erased = random_mask(count, probability, generator)
    share, aspect, down, right = torch.rand(4, count, generator=generator)
    area = (0.02 + 0.38 * share) * height * width
    ratio = (math.log(0.3) * (1 - 2 * aspect)).exp()
    tall = (area * ratio).sqrt().round().clamp(1, height)
    wide = (area / ratio).sqrt().round().clamp(1, width)
    rows = stretch_mask(height, tall, down)
    columns = stretch_mask(width, wide, right)
    hole = send(rows[:, :, None] & columns[:, None, :] & erased[:, None, None], images.device)
    return images.masked_fill(hole[:, None], 0)


def stretch_mask(size: int, lengths: Tensor, place: Tensor) -> Tensor:
    """Mark the positions of one stretch per row: bool [N, size].

    Args:
        size: number of positions.
        lengths: [N], length of each stretch.
        place: [N], start of each stretch, from 0 (as early as possible) to 1 (as late as possible).
    """
    starts = (place * (size - lengths + 1)).floor()[:, None]
    positions = torch.arange(size)
    return (positions >= starts) & (positions < starts + lengths[:, None])


def luminance(images: Tensor) -> Tensor:
    """Return the grey value of each pixel: [N, 1, H, W]."""
    weights = send(torch.tensor(LUMINANCE, dtype=images.dtype), images.device)
    return (images * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)


def random_mask(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Mark each of `count` images with a probability: bool [count]."""
    return torch.rand(count, generator=generator) < probability


def per_image(values: Tensor, images: Tensor) -> Tensor:
    """Reshape one value per image [N] so that it broadcasts over `images`, on their device."""
    return send(values, images.device).view(-1, 1, 1, 1)
