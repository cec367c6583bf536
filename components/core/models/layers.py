"""Layers of translators that compute what torch's layers do, in fewer or faster operations.

Their weights have the shapes of torch's. `tests.benchmarks.bench_gan_step` compares the speed of a training step with
each of them to that with torch's own.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class InstanceNorm(nn.InstanceNorm2d):
    """Instance normalisation, computed as group normalisation with one channel per group where that is faster.

    Both are the same function. With AVX-512, the kernel for groups takes a third of the time in float32, and nine
    tenths in bfloat16. With AVX2 a training step was 0.94 times as fast, and with channels last the kernel is slow.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features [N, C, H, W] over H and W."""
        if features.device.type == "cpu" and has_avx512() and features.is_contiguous():
            return functional.group_norm(features, self.num_features, self.weight, self.bias, self.eps)
        return super().forward(features)


def has_avx512() -> bool:
    """Tell whether torch uses the instructions of AVX-512 on this processor."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


class ReflectionPad(nn.ReflectionPad2d):
    """Reflection padding by the same number of pixels on each side, with a faster backward pass on CPUs."""

    def forward(self, features: Tensor) -> Tensor:
        """Pad features [N, C, H, W]."""
        return pad(features, self.padding[0], "reflect")


def pad(features: Tensor, pixels: int, mode: str) -> Tensor:
    """Repeat the border of features [N, C, H, W] on each side: mirrored at it (`reflect`) or by itself (`replicate`).

    Args:
        pixels: width of what is added; 1 for `replicate`.
    """
    if features.device.type == "cpu":
        return _Padded.apply(features, pixels, mode)
    return functional.pad(features, (pixels,) * 4, mode=mode)


class _Padded(torch.autograd.Function):
    """Padding whose gradient is added strip by strip; torch's kernel adds it pixel by pixel."""

    @staticmethod
    def forward(context: Any, features: Tensor, pixels: int, mode: str) -> Tensor:
        """Pad features."""
        context.pixels, context.first = pixels, 1 if mode == "reflect" else 0
        return functional.pad(features, (pixels,) * 4, mode=mode)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Add the gradient of each strip to that of the pixels that it repeats."""
        pixels, first = context.pixels, context.first

        def folded(rows: Tensor) -> Tensor:
            inner = rows[..., pixels:-pixels].clone()
            add_strips(inner, rows[..., :pixels], rows[..., -pixels:], 3)
            return inner

        def add_strips(inner: Tensor, before: Tensor, after: Tensor, dimension: int) -> None:
            last = inner.shape[dimension] - first - pixels
            inner.narrow(dimension, first, pixels).add_(before.flip(dimension))
            inner.narrow(dimension, last, pixels).add_(after.flip(dimension))

        inner = folded(gradient[:, :, pixels:-pixels])
        add_strips(inner, folded(gradient[:, :, :pixels]), folded(gradient[:, :, -pixels:]), 2)
        return inner, None, None


class UpsamplingConv2d(nn.Conv2d):
    """Doubles height and width by repeating pixels, pads by reflection, and convolves with 3x3 weights, at once.

    A result sees 2x2 different pixels of the input, so it is a sum of four products per channel instead of nine. Which
    weights meet in them depends on whether its row and column are even or odd; a convolution of the input makes the
    channels of all four cases. The reflected border of the doubled image is the repeated border of the input.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve features [N, C, H, W] to [N, outputs, 2H, 2W]."""
        weights = joint_weights(joint_weights(self.weight, 2), 4).permute(2, 4, 0, 1, 3, 5)
        biases = None if self.bias is None else self.bias.repeat(4)
        cases = functional.conv2d(pad(features, 1, "replicate"), weights.flatten(0, 2), biases)
        return _Interleaved.apply(cases.unflatten(1, (2, 2, -1)))


class _Interleaved(torch.autograd.Function):
    """Puts the results of the four cases in their places.

    The cases [N, 2, 2, C, H + 1, W + 1] are by row and column, even and odd. Of the places between the pixels of a
    padded image, an even result takes all but the last, and an odd one all but the first.
    """

    @staticmethod
    def forward(context: Any, cases: Tensor) -> Tensor:
        """Return the results [N, C, 2H, 2W]."""
        count, _, _, channels, height, width = cases.shape
        results = cases.new_empty(count, channels, 2 * height - 2, 2 * width - 2)
        for of_cases, of_results in zip(places_in_cases(cases), places_in_results(results), strict=True):
            of_results.copy_(of_cases)
        return results

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        """Return the gradient of the cases."""
        count, channels, height, width = gradient.shape
        cases = gradient.new_zeros(count, 2, 2, channels, height // 2 + 1, width // 2 + 1)
        for of_cases, of_results in zip(places_in_cases(cases), places_in_results(gradient), strict=True):
            of_cases.copy_(of_results)
        return cases


def places_in_cases(cases: Tensor) -> list[Tensor]:
    """Return views of the results in the four cases."""
    height, width = cases.shape[-2] - 1, cases.shape[-1] - 1
    return [
        cases[:, row, column, :, row : row + height, column : column + width] for row in (0, 1) for column in (0, 1)
    ]


def places_in_results(results: Tensor) -> list[Tensor]:
    """Return views of the results of the four cases in an image."""
    return [results[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]


def joint_weights(weights: Tensor, dimension: int) -> Tensor:
    """Replace a dimension of 3 weights by two: whether the result is odd (2), and the pixel of the input (2).

    An even result sees the pixel before with the first weight, and its own with the others; an odd one sees its own
    with the first two, and the pixel after it with the last.
    """
    first, middle, last = weights.unbind(dimension)
    even, odd = torch.stack([first, middle + last], dimension), torch.stack([first + middle, last], dimension)
    return torch.stack([even, odd], dimension)


class FewOutputsConv2d(nn.Conv2d):
    """A convolution to a few channels, which uses more of a CPU's vector registers.

    They hold 16 or 32 channels. So one convolution makes the products with each column of the weights as channels of
    their own, and these are added up in float32 where they belong.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Convolve features [N, C, H, W]."""
        if features.device.type != "cpu":
            return super().forward(features)
        width = self.kernel_size[1]
        columns = self.weight.flip(3).permute(0, 3, 1, 2).flatten(0, 1).unsqueeze(3)
        products = functional.conv2d(features, columns).float()
        size = (products.shape[2], products.shape[3] - width + 1)
        result = functional.fold(products.flatten(2), size, (1, width), padding=(0, width - 1))
        return result if self.bias is None else result + self.bias.view(1, -1, 1, 1)
