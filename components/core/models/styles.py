"""Layers that make early features depend less on a camera's style, which lies in the statistics of their channels."""

import torch
from torch import Tensor, nn

from simpgan.components.core.data.image_tensors import send

CONCENTRATION = 0.1
"""Both parameters of the Beta distribution from which MixStyle's authors draw the mix: mostly near 0 or 1."""


class InstanceBatchNorm(nn.Module):
    """IBN-a (Pan et al. 2018): instance normalisation of one half of the channels, batch normalisation of the other.

    The parts are named as in the authors' published weights.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.IN = nn.InstanceNorm2d(channels // 2, affine=True)
        self.BN = nn.BatchNorm2d(channels - channels // 2)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features [N, C, H, W]."""
        instance, batch = features.split([self.IN.num_features, self.BN.num_features], 1)
        return torch.cat([self.IN(instance), self.BN(batch)], 1)


class MixStyle(nn.Module):
    """MixStyle (Zhou et al. 2021): in training, mixes the style of each image's features with another's.

    An image's style is the mean and deviation of each channel; the other image is a random one of the batch. A batch is
    mixed with `probability`. Drawn by torch's global generator on the CPU, so every device sees the same.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, features: Tensor) -> Tensor:
        """Mix the styles of features [N, C, H, W]."""
        if not self.training or torch.rand(()) >= self.probability:
            return features
        count = len(features)
        mix = torch.distributions.Beta(CONCENTRATION, CONCENTRATION).sample((count, 1, 1, 1))
        own = send(mix.to(features.dtype), features.device)
        other = send(torch.randperm(count), features.device)
        mean = features.mean((2, 3), keepdim=True).detach()
        deviation = (features.var((2, 3), keepdim=True) + 1e-6).sqrt().detach()
        mixed_mean, mixed_deviation = (torch.lerp(style[other], style, own) for style in (mean, deviation))
        return (features - mean) / deviation * mixed_deviation + mixed_mean
