"""Batch-norm statistics of another data set."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.extraction import measure_statistics


class Pictures:
    """Stands for images that lie in shards: those of a tensor, in batches."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def batches(self, classifier: SiameseClassifier, rows: np.ndarray, batch: int) -> Iterator[Tensor]:
        yield from self.images[torch.from_numpy(rows)].split(batch)


def test_a_last_batch_that_is_not_full_does_not_count() -> None:
    """It would weigh as much as a full one: here one image as much as four."""
    torch.manual_seed(0)
    classifier = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=32))
    images = torch.rand(9, 3, 32, 32)
    measured = measure_statistics(classifier, Pictures(images), np.arange(9), batch=4, precision="fp32", seed=3)
    order = np.random.default_rng(3).permutation(np.arange(9))
    convolution = next(each for each in classifier.modules() if isinstance(each, nn.Conv2d))
    with torch.no_grad():
        full = (images[torch.from_numpy(order[:8])] + 1) / 2
        seen = convolution((full - classifier.mean) / classifier.deviation)
    found = measured.whole["backbone.bn1.running_mean"]
    torch.testing.assert_close(found, seen.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
