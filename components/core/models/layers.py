"""Layers of translators that compute what torch's layers do, in fewer or faster operations.

Their weights have the shapes of torch's. `tests.benchmarks.bench_gan_step` compares the speed of a training step with
each of them to that with torch's own.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.grad import conv2d_weight


class InstanceNorm(nn.InstanceNorm2d):
    """Instance normalisation, computed as group normalisation with one channel per group where that is faster.

    Both are the same function, but torch's kernels differ: that for groups is faster with AVX-512. With AVX2 a training
    step was 0.94 times as fast, and with channels last the kernel for groups is slow.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features [N, C, H, W] over H and W."""
        if is_eager_on_cpu(features) and has_avx512() and features.is_contiguous():
            return functional.group_norm(features, self.num_features, self.weight, self.bias, self.eps)
        return super().forward(features)


def has_avx512() -> bool:
    """Tell whether torch uses the instructions of AVX-512 on this processor."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def is_eager_on_cpu(features: Tensor) -> bool:
    """Tell whether a CPU computes now, and no program is recorded, which shall consist of torch's own layers."""
    return features.device.type == "cpu" and not torch.compiler.is_compiling() and not torch.jit.is_tracing()


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
    if is_eager_on_cpu(features):
        return _Padded.apply(features, pixels, mode)
    return functional.pad(features, (pixels,) * 4, mode=mode)


class _Padded(torch.autograd.Function):
    """Padding that keeps bfloat16, and whose gradient is added row by row and column by column.

    Autocast would convert to float32 and back, and torch's kernel adds the gradient pixel by pixel.
    """

    @staticmethod
    def forward(context: Any, features: Tensor, pixels: int, mode: str) -> Tensor:
        """Pad features."""
        context.pixels, context.first = pixels, 1 if mode == "reflect" else 0
        with torch.autocast("cpu", enabled=False):
            return functional.pad(features, (pixels,) * 4, mode=mode)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Add the gradient of what was added to that of the pixels that it repeats."""
        rows = cut(gradient, 2, context.pixels, context.first)
        return cut(rows, 3, context.pixels, context.first), None, None


def cut(gradient: Tensor, dimension: int, pixels: int, first: int) -> Tensor:
    """Cut the ends of a dimension off and add them to the rest, mirrored; the nearest at a distance of `first`."""
    size = gradient.shape[dimension] - 2 * pixels
    inner = gradient.narrow(dimension, pixels, size).clone(memory_format=torch.contiguous_format)
    for away in range(pixels):
        inner.select(dimension, first + away).add_(gradient.select(dimension, pixels - 1 - away))
        inner.select(dimension, size - 1 - first - away).add_(gradient.select(dimension, pixels + size + away))
    return inner


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
        if not is_eager_on_cpu(features):
            doubled = functional.interpolate(features, scale_factor=2)
            return super().forward(pad(doubled, 1, "reflect"))
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


class FewInputsConv2d(nn.Conv2d):
    """A convolution of images, with a faster gradient of the images on CPUs: see `to_few_channels`."""

    def forward(self, images: Tensor) -> Tensor:
        """Convolve images [N, C, H, W]; height and width have to be even."""
        if is_eager_on_cpu(images):
            return _OfFewChannels.apply(images, self.weight, self.bias)
        return super().forward(images)


class _OfFewChannels(torch.autograd.Function):
    """A convolution whose gradient of the input is a convolution to few channels."""

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)
    def forward(context: Any, images: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
        context.save_for_backward(images, weights)
        return functional.conv2d(images, weights, bias)

    @staticmethod
    @custom_bwd(device_type="cpu")
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        images, weights = context.saved_tensors
        of_images = None
        if context.needs_input_grad[0]:
            of_images = to_few_channels(with_border(gradient, weights), transposed(weights))
        stride, padding, wanted = [1, 1], [0, 0], (False, *context.needs_input_grad[1:])
        of_learned = torch.ops.aten.convolution_backward(
            gradient, images, weights, [len(weights)], stride, padding, [1, 1], False, [0, 0], 1, wanted
        )
        return of_images, *of_learned[1:]


class FewOutputsConv2d(nn.Conv2d):
    """A convolution to images, faster on CPUs: see `to_few_channels`."""

    def forward(self, features: Tensor) -> Tensor:
        """Convolve features [N, C, H, W]; height and width of the result have to be even."""
        if is_eager_on_cpu(features):
            result = _ToFewChannels.apply(features, self.weight)
            return result if self.bias is None else result + self.bias.view(1, -1, 1, 1)
        return super().forward(features)


class _ToFewChannels(torch.autograd.Function):
    """A convolution whose gradients are convolutions of few channels."""

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)
    def forward(context: Any, features: Tensor, weights: Tensor) -> Tensor:
        context.save_for_backward(features, weights)
        return to_few_channels(features, weights)

    @staticmethod
    @custom_bwd(device_type="cpu")
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        features, weights = context.saved_tensors
        backwards, gradient = transposed(weights), with_border(gradient, weights)
        of_weights = transposed(conv2d_weight(gradient, backwards.shape, features))
        return functional.conv2d(gradient, backwards), of_weights


def to_few_channels(features: Tensor, weights: Tensor) -> Tensor:
    """Convolve to a few channels with more of a CPU's vector registers in use, which hold 16 or 32 channels.

    The results of each square of 2x2 pixels are channels of one convolution, whose weights are shifted for each.
    """
    shifted = [functional.pad(weights, (column, 1 - column, row, 1 - row)) for row in (0, 1) for column in (0, 1)]
    squares = functional.conv2d(features, torch.stack(shifted, 1).flatten(0, 1), stride=2)
    return functional.pixel_shuffle(squares, 2)


def transposed(weights: Tensor) -> Tensor:
    """Return the weights that carry gradients of a convolution's results back."""
    return weights.flip(2, 3).transpose(0, 1)


def with_border(gradient: Tensor, weights: Tensor) -> Tensor:
    """Add the zeros that a convolution with transposed weights needs."""
    height, width = weights.shape[2] - 1, weights.shape[3] - 1
    return functional.pad(gradient, (width, width, height, height))
