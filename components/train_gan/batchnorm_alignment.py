"""The paper's constraint of data fitness as a loss on the classifier's batch-norm statistics.

Section 4.1 asks that features of translated images fit the source's distribution, but leaves it to the discriminator,
which sees pixels. A classifier with batch normalisation stores the mean and variance of every feature map on the
source; this loss compares them with those of translated images. AdaBN (Li et al. 2017) adapts the statistics to the
images, this loss adapts the images to the statistics. It is not in the paper and has a method name of its own,
`simpgan-fit`.
"""

import torch
from torch import Tensor, nn

from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.training.distributed import mean_over_processes

DECAY = 0.9
"""Decay of the running statistics. Without them, the few images of a step would be pulled to the mean of all people."""


class BatchNormAlignment:
    """Compares running statistics of translated images with those that the frozen classifier stores."""

    def __init__(self, classifier: SiameseClassifier) -> None:
        self.classifier = classifier
        self.layers = [layer for layer in classifier.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
        self.running: list[Tensor] = []

    def loss(self, images: Tensor) -> Tensor:
        """Update the running statistics and return their distance from the classifier's, a scalar.

        The distance is the mean over layers and channels of (difference of means / deviation)^2 + (log ratio of
        variances)^2. Its value is that of the running statistics, its gradient that of this step's. Processes that
        share a batch have the same running statistics, those of the joint batch.

        Args:
            images: translated images [N, 3, H, W] in [-1, 1].
        """
        seen: list[Tensor] = []
        hooks = [
            layer.register_forward_pre_hook(lambda _, inputs: seen.append(moments(inputs[0]))) for layer in self.layers
        ]
        try:
            self.classifier(images)
        finally:
            for hook in hooks:
                hook.remove()
        joint = mean_over_processes(torch.cat(seen, dim=1).detach()).split([new.shape[1] for new in seen], dim=1)
        before = self.running or joint
        self.running = [torch.lerp(new, old, DECAY) for new, old in zip(joint, before, strict=True)]
        distances = []
        for layer, new, running in zip(self.layers, seen, self.running, strict=True):
            mean, square = running + (new - new.detach())
            variance = (square - mean.square()).clamp(min=0) + layer.eps
            assert layer.running_mean is not None
            assert layer.running_var is not None
            own_mean, own_variance = layer.running_mean, layer.running_var + layer.eps
            distances.append(
                ((mean - own_mean).square() / own_variance).mean() + (variance / own_variance).log().square().mean()
            )
        return torch.stack(distances).mean()


def moments(features: Tensor) -> Tensor:
    """Return mean and mean square [2, C] of each channel of features [N, C, ...]."""
    flat = features.float().transpose(0, 1).flatten(1)
    return torch.stack([flat.mean(1), flat.square().mean(1)])
