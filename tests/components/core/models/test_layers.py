"""Layers of translators against those of torch that they replace, forward and backward."""

import pytest
import torch
from torch import Tensor, nn

from simpgan.components.core.models import layers
from simpgan.components.core.models.layers import (
    FewInputsConv2d,
    FewOutputsConv2d,
    InstanceNorm,
    ReflectionPad,
    UpsamplingConv2d,
    pad,
)
from simpgan.components.core.models.precision import AGREEMENT, layer_cosine

SIZES = [(1, 3, 4, 4), (2, 5, 7, 4), (3, 4, 12, 6)]


def assert_the_same(layer: nn.Module, reference: nn.Module, features: Tensor) -> None:
    """Output, and gradients of the input and of every weight."""
    reference.load_state_dict(layer.state_dict())
    torch.manual_seed(0)
    results = []
    for each in (layer, reference):
        inputs = features.clone().requires_grad_()
        output = each(inputs)
        direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        learned = [inputs, *each.parameters()]
        results.append([output, *torch.autograd.grad(output, learned, direction.to(output.dtype))])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4, check_dtype=False)


@pytest.mark.parametrize("has_avx512", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_instance_normalisation(
    size: tuple[int, ...], affine: bool, has_avx512: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "has_avx512", lambda: has_avx512)
    layer, reference = (kind(size[1], affine=affine) for kind in (InstanceNorm, nn.InstanceNorm2d))
    if affine:
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
    assert_the_same(layer, reference, torch.randn(size) * 3 + 2)


@pytest.mark.parametrize("pixels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_reflection_padding(size: tuple[int, ...], pixels: int) -> None:
    assert_the_same(ReflectionPad(pixels), nn.ReflectionPad2d(pixels), torch.randn(size, dtype=torch.float64))


@pytest.mark.parametrize("size", [*SIZES, (1, 2, 1, 1)])
def test_padding_by_repeating_the_border(size: tuple[int, ...]) -> None:
    class Repeated(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            return pad(features, 1, "replicate")

    assert_the_same(Repeated(), nn.ReplicationPad2d(1), torch.randn(size, dtype=torch.float64))


@pytest.mark.parametrize("size", SIZES)
def test_upsampling_in_a_convolution(size: tuple[int, ...]) -> None:
    layer = UpsamplingConv2d(size[1], 6).double()

    class Plain(nn.Conv2d):
        def forward(self, features: Tensor) -> Tensor:
            doubled = nn.functional.interpolate(features, scale_factor=2)
            return super().forward(nn.functional.pad(doubled, (1,) * 4, mode="reflect"))

    assert_the_same(layer, Plain(size[1], 6, 3).double(), torch.randn(size, dtype=torch.float64))


@pytest.mark.parametrize("size", [(1, 4, 8, 8), (2, 5, 12, 10)])
@pytest.mark.parametrize("kernel", [7, 3])
def test_convolutions_to_and_of_few_channels(size: tuple[int, ...], kernel: int) -> None:
    for kind, channels in ((FewOutputsConv2d, (size[1], 3)), (FewInputsConv2d, (size[1], 6))):
        layer, reference = (each(*channels, kernel).double() for each in (kind, nn.Conv2d))
        assert_the_same(layer, reference, torch.randn(size, dtype=torch.float64))


def test_convolutions_agree_with_float32_in_bfloat16() -> None:
    torch.manual_seed(0)
    cases = {UpsamplingConv2d(32, 16): 16, FewInputsConv2d(3, 32, 7): 22, FewOutputsConv2d(32, 3, 7): 22}
    for layer, size in cases.items():
        assert layer_cosine(layer, torch.randn(2, layer.in_channels, size, size)) > AGREEMENT


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_padding_keeps_bfloat16_in_autocast(mode: str) -> None:
    features = torch.randn(2, 3, 6, 4).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        padded = pad(features, 1, mode)
    assert padded.dtype == torch.bfloat16
    assert torch.equal(padded.float(), nn.functional.pad(features.float(), (1,) * 4, mode=mode))
