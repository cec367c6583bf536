"""The siamese classifier against torchvision's network and the paper's equations."""

import pytest
import torch
import torchvision

from simpgan.components.core.models.classifier import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    ClassifierConfig,
    SiameseClassifier,
)


def build(**changes: object) -> SiameseClassifier:
    config = {"backbone": "resnet18", "identities": 5, "height": 64, "width": 32} | changes
    return SiameseClassifier(ClassifierConfig.parse(config))


def test_images_from_minus_one_to_one_reach_the_backbone_in_imagenet_statistics() -> None:
    classifier = build().eval()
    reference = torchvision.models.resnet18()
    reference.fc = torch.nn.Identity()
    reference.load_state_dict(classifier.backbone.state_dict())
    images = torch.rand(2, 3, 64, 32)
    normalised = torchvision.transforms.functional.normalize(images, IMAGENET_MEAN, IMAGENET_DEVIATION)
    torch.testing.assert_close(classifier(images * 2 - 1), reference.eval()(normalised), rtol=1e-4, atol=1e-5)


def test_verification_is_a_linear_layer_on_the_squared_difference() -> None:
    classifier = build().eval()
    first, second = torch.randn(3, 512), torch.randn(3, 512)
    weight, bias = classifier.verification_head.weight[0], classifier.verification_head.bias
    expected = ((first - second) ** 2 * weight).sum(1) + bias
    torch.testing.assert_close(classifier.verification_logit(first, second), expected)
    torch.testing.assert_close(classifier.verification_logit(second, first), expected)


@pytest.mark.parametrize(
    "changes",
    [{}, {"backbone": "resnet50", "last_stride": 1}, {"backbone": "resnet50", "ibn": True, "mixstyle": 0.5}],
)
def test_folded_batch_normalisation_leaves_the_embeddings_as_they_are(changes: dict[str, object]) -> None:
    torch.manual_seed(0)
    classifier = build(**changes, bn_neck=True).train()
    images = torch.rand(8, 3, 64, 32) * 2 - 1
    for _ in range(3):  # statistics that differ from those of a new network
        classifier(images)
    state = {name: value.clone() for name, value in classifier.state_dict().items()}
    folded = classifier.folded()
    layers = [each for each in folded.backbone.modules() if type(each) is torch.nn.BatchNorm2d]
    assert len(layers) == (13 if changes.get("ibn") else 0)  # those inside of IBN-a follow a split, not a convolution
    expected = classifier.eval()(images)
    torch.testing.assert_close(folded(images), expected, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(value, state[name]) for name, value in classifier.state_dict().items())


def test_frozen_classifier_passes_gradients_to_images_only() -> None:
    classifier = build().freeze()
    images = torch.rand(2, 3, 64, 32, requires_grad=True)
    classifier(images).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in classifier.parameters())


def test_images_of_another_size_are_resized() -> None:
    assert build().eval()(torch.rand(2, 3, 128, 64)).shape == (2, 512)


@pytest.mark.parametrize(("backbone", "size"), [("resnet18", 512), ("resnet50", 2048)])
@pytest.mark.parametrize(("last_stride", "shape"), [(1, (4, 2)), (2, (2, 1))])
def test_last_stride_one_keeps_the_last_feature_map_twice_as_large(
    backbone: str, size: int, last_stride: int, shape: tuple[int, int]
) -> None:
    classifier = build(backbone=backbone, last_stride=last_stride).eval()
    shapes: list[torch.Size] = []
    classifier.backbone.avgpool.register_forward_hook(lambda _, inputs, __: shapes.append(inputs[0].shape))
    assert classifier(torch.rand(1, 3, 64, 32)).shape == (1, size)
    assert shapes == [(1, size, *shape)]


def test_stride_can_be_on_the_first_convolution_of_a_bottleneck() -> None:
    block = build(backbone="resnet50", downsample_at="1x1").backbone.layer3[0]
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
    block = build(backbone="resnet50").backbone.layer3[0]
    assert (block.conv1.stride, block.conv2.stride) == ((1, 1), (2, 2))
