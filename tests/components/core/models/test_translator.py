"""Generators and discriminators."""

import pytest
import torch
from torch import nn

from simpgan.components.core.models.translator import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("size", [(64, 32), (32, 64), (256, 128)])
def test_translation_keeps_size_and_range(upsample: str, size: tuple[int, int]) -> None:
    height, width = size
    config = {"height": height, "width": width, "channels": 4, "blocks": 1, "upsample": upsample}
    generator = Generator(GeneratorConfig.parse(config))
    images = generator(torch.rand(2, 3, height, width) * 2 - 1)
    assert images.shape == (2, 3, height, width)
    assert images.abs().max() <= 1


def test_an_image_is_translated_the_same_alone_and_in_a_batch() -> None:
    generator = Generator(GeneratorConfig(height=32, width=32, channels=4, blocks=1)).eval()
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(generator(images)[1:2], generator(images[1:2]), rtol=1e-4, atol=1e-5)


def test_input_skip_starts_near_the_identity_and_stays_finite_at_black_and_white() -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(height=32, width=32, channels=8, blocks=1, input_skip=True))
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    images[..., :4], images[..., 4:8] = -1, 1
    images.requires_grad_()
    translated = generator(images)
    assert (translated - images).abs().mean() < 0.25
    translated.sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()


class BlockOfTorchsLayers(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()

        def convolved() -> list[nn.Module]:
            return [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]

        self.layers = nn.Sequential(*convolved(), nn.ReLU(), *convolved())

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.layers(features)


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_names_of_weights_and_results_are_those_of_torch_s_layers(upsample: str) -> None:
    """As saved translators and checkpoints name them."""
    config = {"height": 32, "width": 16, "channels": 4, "blocks": 1, "upsample": upsample}
    generator = Generator(GeneratorConfig.parse(config)).double()

    def normalised(layer: nn.Module, width: int) -> list[nn.Module]:
        return [layer, nn.InstanceNorm2d(width), nn.ReLU()]

    def doubled(inputs: int, outputs: int) -> list[nn.Module]:
        if upsample == "transposed":
            return normalised(nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1), outputs)
        before = [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1)]
        return before + normalised(nn.Conv2d(inputs, outputs, 3), outputs)

    layers = nn.Sequential(
        nn.ReflectionPad2d(3),
        *normalised(nn.Conv2d(3, 4, 7), 4),
        *normalised(nn.Conv2d(4, 8, 3, stride=2, padding=1), 8),
        *normalised(nn.Conv2d(8, 16, 3, stride=2, padding=1), 16),
        BlockOfTorchsLayers(16),
        *doubled(16, 8),
        *doubled(8, 4),
        nn.ReflectionPad2d(3),
        nn.Conv2d(4, 3, 7),
    ).double()
    layers.load_state_dict(generator.layers.state_dict())
    images = torch.rand(2, 3, 32, 16, dtype=torch.float64)
    torch.testing.assert_close(generator(images), torch.tanh(layers(images)))


@pytest.mark.parametrize("input_skip", [False, True])
def test_recomputing_blocks_changes_no_gradient(input_skip: bool) -> None:
    config = GeneratorConfig(height=32, width=32, channels=4, blocks=3, input_skip=input_skip)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    results = []
    for recompute in (False, True):
        torch.manual_seed(0)
        generator = Generator(config, recompute=recompute)
        translated = generator(generator(images))
        translated.square().mean().backward()
        results.append([translated, *(parameter.grad for parameter in generator.parameters())])
    for kept, recomputed in zip(*results, strict=True):
        assert torch.equal(kept, recomputed)


def test_recomputing_blocks_keeps_fewer_features() -> None:
    kept = []
    for recompute in (False, True):
        generator = Generator(GeneratorConfig(height=32, width=32, channels=4, blocks=9), recompute=recompute)
        sizes: dict[int, int] = {}

        def keep(tensor: torch.Tensor, sizes: dict[int, int] = sizes) -> torch.Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            translated = generator(torch.rand(1, 3, 32, 32))
        assert translated.requires_grad
        parameters = sum(parameter.untyped_storage().nbytes() for parameter in generator.parameters())
        kept.append(sum(sizes.values()) - parameters)
    assert kept[1] < 0.7 * kept[0]


def test_the_paper_s_generator_has_cyclegan_s_size() -> None:
    """11.4 million parameters at 9 blocks, as its authors state; 2.8 million of a 70x70 PatchGAN."""
    generator = Generator(GeneratorConfig(height=256, width=256))
    assert sum(parameter.numel() for parameter in generator.parameters()) == pytest.approx(11.38e6, rel=0.01)
    discriminator = Discriminator(DiscriminatorConfig())
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == pytest.approx(2.76e6, rel=0.01)


def test_discriminator_judges_70x70_patches() -> None:
    discriminator = Discriminator(DiscriminatorConfig(channels=4))
    assert discriminator(torch.zeros(1, 3, 256, 128)).shape == (1, 1, 30, 14)
    layers = [layer for layer in discriminator.layers if isinstance(layer, torch.nn.Conv2d)]
    field = 1
    for layer in reversed(layers):
        field = field * layer.stride[0] + layer.kernel_size[0] - layer.stride[0]
    assert field == 70
