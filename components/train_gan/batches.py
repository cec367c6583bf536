"""Batches of pairs, and how several processes share one.

A batch holds P pairs as 2P images, first the first ones, then the second ones. A process's share of it is some of the
pairs, in the same order.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from simpgan.components.core.data.augment import flip, shift
from simpgan.components.core.data.image_tensors import to_unit_range
from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.training.distributed import gather, own_share
from simpgan.components.train_gan.settings import TrainGanSettings


class Batch(NamedTuple):
    """Source pairs [2P, 3, H, W] in [-1, 1], their q [P] and identities [2P], and as many target images."""

    source: Tensor
    same: Tensor
    identity: Tensor
    target: Tensor


class Batches:
    """Draws from `source` and `target`, uint8 [N, 3, H, W] on their device; `sampler` holds the source's labels."""

    def __init__(self, source: Tensor, sampler: PairSampler, target: Tensor, settings: TrainGanSettings) -> None:
        self.source, self.sampler, self.target, self.settings = source, sampler, target, settings

    def draw(self, generator: torch.Generator) -> Batch:
        """This process's share of a joint batch; target images are drawn independently of each other."""
        settings, device = self.settings, self.source.device
        first = torch.randint(len(self.source), (settings.pairs,), generator=generator)
        second, same = self.sampler.partners(first, settings.positive_share, generator)
        chosen = torch.cat([first, second])
        source = self.source[chosen.to(device)]
        target = self.target[torch.randint(len(self.target), (2 * settings.pairs,), generator=generator).to(device)]
        source, target = (
            own_pairs(shift(flip(to_unit_range(images), generator), settings.crop_padding, generator))
            for images in (source, target)
        )
        identity = own_pairs(self.sampler.labels[chosen])
        return Batch(source, same[own_share(len(same))].to(device), identity.to(device), target)


def own_pairs(joint: Tensor) -> Tensor:
    """This process's pairs [2P / processes, ...] of a joint batch [2P, ...]."""
    return joint.unflatten(0, (2, -1))[:, own_share(len(joint) // 2)].flatten(0, 1)


def joint_pairs(own: Tensor) -> Tensor:
    """The inverse of `own_pairs`: the joint batch, on every process."""
    return gather(own).unflatten(1, (2, -1)).transpose(0, 1).flatten(0, 2)
