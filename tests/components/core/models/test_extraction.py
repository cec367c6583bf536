"""Features of images, and batch-norm statistics of another data set."""

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from simpgan.components.core.data.image_tensors import iterate_batches, to_unit_range
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.extraction import PreparedImages, extract, measure_statistics
from tests.conftest import Ingested


class Pictures:
    """Stands for images that lie in shards: those of a tensor, in batches."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def batches(self, classifier: SiameseClassifier, rows: np.ndarray, batch: int) -> Iterator[Tensor]:
        yield from self.images[torch.from_numpy(rows)].split(batch)


@pytest.fixture
def classifier() -> SiameseClassifier:
    torch.manual_seed(0)
    return SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=32)).eval()


def test_a_last_batch_that_is_not_full_does_not_count(classifier: SiameseClassifier) -> None:
    """It would weigh as much as a full one: here one image as much as four."""
    images = torch.rand(9, 3, 32, 32)
    measured = measure_statistics(classifier, Pictures(images), np.arange(9), batch=4, precision="fp32", seed=3)
    order = np.random.default_rng(3).permutation(np.arange(9))
    convolution = next(each for each in classifier.modules() if isinstance(each, nn.Conv2d))
    with torch.no_grad():
        full = (images[torch.from_numpy(order[:8])] + 1) / 2
        seen = convolution((full - classifier.mean) / classifier.deviation)
    found = measured.whole["backbone.bn1.running_mean"]
    torch.testing.assert_close(found, seen.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)


def test_features_have_length_one_and_do_not_depend_on_the_batch(
    ingested: Ingested, classifier: SiameseClassifier
) -> None:
    images = PreparedImages(Manifest.load(ingested.target), ingested.data_root)
    rows = np.array([2, 5, 9])
    together = extract(classifier, images, rows, batch=16, precision="fp32", label="test")
    alone = extract(classifier, images, rows[1:2], batch=16, precision="fp32", label="test")
    np.testing.assert_allclose(np.linalg.norm(together.unit, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together.select(rows[1:2]).unit, alone.unit, atol=1e-5)
    np.testing.assert_allclose(together.embeddings_of(rows[1:2]), alone.embedding, rtol=1e-4, atol=1e-4)


def batch_norm_layers(network: SiameseClassifier) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]


def test_adabn_has_the_statistics_of_the_images_and_nothing_else_changes(
    ingested: Ingested, classifier: SiameseClassifier
) -> None:
    """Against torch's own batch normalisation in training, on one batch of all images."""
    before = deepcopy(classifier.state_dict())
    target = Manifest.load(ingested.target)
    rows = target.rows("folds10", 0, "train")
    images = PreparedImages(target, ingested.data_root)
    measured = measure_statistics(classifier, images, rows, batch=len(rows), precision="fp32", seed=0)

    reference = deepcopy(classifier)
    for layer in batch_norm_layers(reference):
        layer.momentum = 1.0
    decoded = next(iterate_batches(ingested.data_root, target, rows, 32, 32, len(rows)))
    with torch.no_grad():
        reference.train()(to_unit_range(decoded))
    expected = reference.state_dict()
    assert measured.whole.keys() == {name for name in expected if "running" in name}
    for name, ours in measured.whole.items():
        torch.testing.assert_close(ours, expected[name], rtol=1e-3, atol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
