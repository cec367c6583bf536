"""The loss that compares the classifier's statistics."""

import pytest
import torch
from torch import nn

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.train_gan.batchnorm_alignment import DECAY, BatchNormAlignment


def classifier_with_statistics_of(images: torch.Tensor) -> SiameseClassifier:
    classifier = SiameseClassifier(
        ClassifierConfig(backbone="resnet18", identities=2, height=32, width=32, bn_neck=True)
    )
    for layer in classifier.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.momentum = None
    with torch.no_grad():
        classifier.train()(images)
    return classifier.freeze()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_images_with_the_classifier_s_own_statistics_fit(images: torch.Tensor) -> None:
    """Up to a variance's being over n - 1 or n, which is 16 in the last layers."""
    alignment = BatchNormAlignment(classifier_with_statistics_of(images))
    assert alignment.loss(images).item() < 0.05
    assert BatchNormAlignment(alignment.classifier).loss(images * 0.3 - 0.5).item() > 1


def test_distance_is_that_of_means_and_log_variances(images: torch.Tensor) -> None:
    """With one batch-norm layer left, against numpy's mean and variance of what reaches it."""
    classifier = classifier_with_statistics_of(images)
    alignment = BatchNormAlignment(classifier)
    alignment.layers = [classifier.backbone.bn1]
    darker = images * 0.5 - 0.2
    reached: list[torch.Tensor] = []
    classifier.backbone.conv1.register_forward_hook(lambda _, __, output: reached.append(output))
    loss = alignment.loss(darker).item()
    features = reached[0].transpose(0, 1).flatten(1).numpy()
    layer = classifier.backbone.bn1
    own_mean, own_variance = layer.running_mean.numpy(), layer.running_var.numpy() + layer.eps
    expected = ((features.mean(1) - own_mean) ** 2 / own_variance).mean() + (
        torch.tensor((features.var(1) + layer.eps) / own_variance).log().square().mean()
    )
    assert loss == pytest.approx(float(expected), rel=1e-3)


def test_statistics_run_but_the_gradient_is_that_of_the_new_images(images: torch.Tensor) -> None:
    alignment = BatchNormAlignment(classifier_with_statistics_of(images))
    alignment.loss(images)
    first = [moments.clone() for moments in alignment.running]
    darker = (images * 0.5 - 0.2).requires_grad_()
    alignment.loss(darker).backward()
    assert darker.grad.abs().sum() > 0
    alone = BatchNormAlignment(alignment.classifier)
    alone.loss(darker.detach())
    for running, before, new in zip(alignment.running, first, alone.running, strict=True):
        torch.testing.assert_close(running, DECAY * before + (1 - DECAY) * new)
        assert not running.requires_grad
