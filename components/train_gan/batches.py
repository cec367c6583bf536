"""Batches of pairs, and how several processes share one.

A batch holds P pairs as 2P images: the first images of all pairs, then the second ones. A process's share consists of
some of the pairs, in the same order.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from simpgan.components.core.data.augment import flip, shift
from simpgan.components.core.data.image_tensors import send, to_unit_range
from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.training.distributed import gather, own_share
from simpgan.components.train_gan.settings import TrainGanSettings


class Batch(NamedTuple):
    """Images of a step.

    Attributes:
        source: [2P, 3, H, W] in [-1, 1], source pairs.
        same: [P], q of Eq. 2: 1 if a pair shows one person, else 0.
        identity: [2P], identities of the source images.
        target: [2P, 3, H, W] in [-1, 1].
    """

    source: Tensor
    same: Tensor
    identity: Tensor
    target: Tensor


class Batches:
    """Draws batches from the training images.

    Args:
        source: uint8 [N, 3, H, W] on the device of training.
        sampler: labels of the source.
        target: uint8 [M, 3, H, W] on the same device.
        settings: settings of the stage.
    """

    def __init__(self, source: Tensor, sampler: PairSampler, target: Tensor, settings: TrainGanSettings) -> None:
        self.source, self.sampler, self.target, self.settings = source, sampler, target, settings

    def draw(self, generator: torch.Generator) -> Batch:
        """Draw a joint batch and return this process's share of it; target images are independent of each other."""
        settings, device = self.settings, self.source.device
        first = torch.randint(len(self.source), (settings.pairs,), generator=generator)
        second, same = self.sampler.partners(first, settings.positive_share, generator)
        chosen = torch.cat([first, second])
        source = self.source[send(chosen, device)]
        others = torch.randint(len(self.target), (2 * settings.pairs,), generator=generator)
        target = self.target[send(others, device)]
        source, target = (
            own_pairs(shift(flip(to_unit_range(images), generator), settings.crop_padding, generator))
            for images in (source, target)
        )
        identity = own_pairs(self.sampler.labels[chosen])
        return Batch(source, send(same[own_share(len(same))], device), send(identity, device), target)


def own_pairs(joint: Tensor) -> Tensor:
    """Return this process's pairs [2P / processes, ...] of a joint batch [2P, ...]."""
    return joint.unflatten(0, (2, -1))[:, own_share(len(joint) // 2)].flatten(0, 1)


def joint_pairs(own: Tensor) -> Tensor:
    """Gather the pairs of all processes to the joint batch; the inverse of `own_pairs`."""
    return gather(own).unflatten(1, (2, -1)).transpose(0, 1).flatten(0, 2)
