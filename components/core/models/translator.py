"""CycleGAN's networks: the generators G: S->T and F: T->S, and the discriminators D_S and D_T."""

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from simpgan.components.core.errors import UserError
from simpgan.components.core.models.layers import (
    FewInputsConv2d,
    FewOutputsConv2d,
    InstanceNorm,
    ReflectionPad,
    UpsamplingConv2d,
)
from simpgan.components.core.models.model_folder import build_network, load_network, read_config
from simpgan.components.core.settings import Settings


class GeneratorConfig(Settings):
    """Everything needed to build a `Generator`."""

    height: int = Field(ge=16, multiple_of=4, description="Pixels of the images it translates.")
    width: int = Field(ge=16, multiple_of=4, description="Pixels of the images it translates.")
    channels: int = Field(64, ge=4, description="Channels of the first convolution.")
    blocks: int = Field(9, ge=1, description="Residual blocks; CycleGAN has 6 at 128 pixels and 9 at 256.")
    upsample: Literal["transposed", "resize"] = Field(
        "transposed", description="Upsampling; resize + convolution leaves no checkerboard for the classifier to see."
    )
    input_skip: bool = Field(
        False, description="Add the network's output to its input, so that training starts from the identity."
    )


class Generator(nn.Module):
    """Image-to-image network, [N, 3, H, W] in [-1, 1] to the same.

    With `recompute` the residual blocks keep no features for the backward pass and compute them again there.
    """

    def __init__(self, config: GeneratorConfig, *, recompute: bool = False) -> None:
        super().__init__()
        self.config, self.recompute = config, recompute
        width = config.channels
        self.layers = nn.Sequential(
            ReflectionPad(3),
            FewInputsConv2d(3, width, 7),
            *normalise_and_activate(width),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            *normalise_and_activate(2 * width),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1),
            *normalise_and_activate(4 * width),
            *(ResidualBlock(4 * width) for _ in range(config.blocks)),
            *upsample(4 * width, 2 * width, config.upsample),
            *normalise_and_activate(2 * width),
            *upsample(2 * width, width, config.upsample),
            *normalise_and_activate(width),
            ReflectionPad(3),
            FewOutputsConv2d(width, 3, 7),
        )
        self.apply(initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Translate images [N, 3, H, W] in [-1, 1]."""
        change = images
        for layer in self.layers:
            if self.recompute and isinstance(layer, ResidualBlock):
                change = checkpoint(layer, change, use_reentrant=False, preserve_rng_state=False)
            else:
                change = layer(change)
        if self.config.input_skip:
            # atanh(1) is infinite: the margin is half of one step of an 8-bit image.
            change = change + torch.atanh(images.float().clamp(-1 + 1 / 255, 1 - 1 / 255))
        return torch.tanh(change)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3),
            *normalise_and_activate(channels),
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3),
            InstanceNorm(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Compute features of the next layer, [N, C, H, W]."""
        return features + self.layers(features)


class DiscriminatorConfig(Settings):
    """Everything needed to build a `Discriminator`."""

    channels: int = Field(64, ge=4, description="Channels of the first convolution.")


class Discriminator(nn.Module):
    """70x70 PatchGAN without sigmoid: [N, 3, H, W] in [-1, 1] to a map [N, 1, H / 8 - 2, W / 8 - 2]."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.channels
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for inputs, outputs, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
            layers += [
                nn.Conv2d(inputs * width, outputs * width, 4, stride=stride, padding=1),
                InstanceNorm(outputs * width),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, padding=1))
        self.apply(initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Score the patches of images."""
        return self.layers(images)


def normalise_and_activate(channels: int) -> tuple[nn.Module, nn.Module]:
    """Return instance normalisation without affine parameters, then ReLU."""
    return InstanceNorm(channels), nn.ReLU(inplace=True)


def upsample(inputs: int, outputs: int, how: Literal["transposed", "resize"]) -> list[nn.Module]:
    """Return layers that double height and width."""
    if how == "transposed":
        return [nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)]
    # Files name weights by the number of their layer, which counts the two that UpsamplingConv2d has replaced.
    return [nn.Identity(), nn.Identity(), UpsamplingConv2d(inputs, outputs)]


def initialise(layer: nn.Module) -> None:
    """Initialise a layer as CycleGAN does: weights N(0, 0.02), biases 0."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, std=0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def load_translator(folder: Path) -> tuple[Generator, dict[str, Any]]:
    """Load F: T->S from a model folder. Return it with the folder's config.

    Raises:
        UserError: the folder holds no translator.
    """
    config = read_config(folder)
    if "generator" not in config:
        raise UserError(f"the model in '{folder}' is not a translator; give the folder the train_gan stage wrote")
    generator = build_network(folder, lambda: Generator(GeneratorConfig.parse(config["generator"], stage="generator")))
    load_network(folder, "f", generator)
    return generator, config
