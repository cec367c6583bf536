"""bfloat16 is used only where it gives the numbers of float32.

On a processor that multiplies bfloat16 these tests fail if a network at one of the sizes computes in bfloat16 with
torch 2.14.1's wrong convolutions. On other processors every comparison passes, and the small networks alone are
compared; there the tests of the rule itself are the ones of force.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from simpgan.components.core.models import precision
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.precision import (
    AGREEMENT,
    NARROW,
    Inference,
    Outcome,
    layer_cosine,
    lowest_cosine,
    narrow_layers,
    outcome_for_cosine,
    poison_memory,
    training_outcome,
)
from simpgan.components.core.models.translator import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from simpgan.components.core.training.device import multiplies_bf16


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, where outcomes are kept."""
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path))
    return tmp_path / "precision"


@pytest.fixture(autouse=True)
def unsaid() -> None:
    precision.say_once.cache_clear()


def smooth(count: int, height: int, width: int) -> Tensor:
    """Images [count, 3, H, W] in [-1, 1] with the slow changes of pictures and some noise."""
    generator = torch.Generator().manual_seed(count)
    coarse = torch.randn(count, 3, height // 8 + 1, width // 8 + 1, generator=generator)
    noise = torch.randn(count, 3, height, width, generator=generator)
    return (functional.interpolate(coarse, (height, width), mode="bilinear") / 2 + noise / 10).clamp(-1, 1)


def classifier(backbone: str, height: int, width: int, last_stride: int) -> nn.Module:
    settings = {"backbone": backbone, "height": height, "width": width, "last_stride": last_stride}
    return SiameseClassifier(ClassifierConfig(identities=5, **settings)).eval()


def generator(height: int, width: int, channels: int, input_skip: bool) -> nn.Module:
    config = {"height": height, "width": width, "channels": channels, "blocks": 2, "input_skip": input_skip}
    return Generator(GeneratorConfig(upsample="resize" if input_skip else "transposed", **config))


ONLY_WITH_BF16 = pytest.mark.skipif(
    not multiplies_bf16(torch.device("cpu")),
    reason="the processor does not multiply bfloat16: it takes minutes and always agrees",
)
NETWORKS = [
    pytest.param(lambda: classifier("resnet18", 32, 16, 2), 32, 16, id="resnet18-smallest"),
    pytest.param(lambda: classifier("resnet50", 32, 16, 2), 32, 16, id="resnet50-smallest", marks=ONLY_WITH_BF16),
    pytest.param(lambda: classifier("resnet18", 64, 16, 1), 64, 16, id="resnet18-narrow"),
    pytest.param(lambda: classifier("resnet50", 64, 32, 2), 64, 32, id="resnet50-64x32", marks=ONLY_WITH_BF16),
    pytest.param(lambda: classifier("resnet18", 64, 32, 1), 64, 32, id="resnet18-demo"),
    pytest.param(lambda: classifier("resnet50", 128, 64, 2), 128, 64, id="resnet50-small", marks=ONLY_WITH_BF16),
    pytest.param(lambda: generator(16, 16, 4, False), 16, 16, id="generator-smallest"),
    pytest.param(lambda: generator(32, 32, 4, True), 32, 32, id="generator-tiny"),
    pytest.param(lambda: generator(128, 64, 32, True), 128, 64, id="generator-small", marks=ONLY_WITH_BF16),
    pytest.param(lambda: Discriminator(DiscriminatorConfig(channels=4)), 32, 32, id="discriminator-smallest"),
    pytest.param(
        lambda: Discriminator(DiscriminatorConfig(channels=64)), 32, 32, id="discriminator-32x32", marks=ONLY_WITH_BF16
    ),
    pytest.param(
        lambda: Discriminator(DiscriminatorConfig(channels=32)), 128, 64, id="discriminator-small", marks=ONLY_WITH_BF16
    ),
]


@pytest.mark.parametrize(("build", "height", "width"), NETWORKS)
@pytest.mark.parametrize("wanted", ["auto", "bf16"])
def test_a_network_computes_what_float32_does(build, height: int, width: int, wanted: str) -> None:
    torch.manual_seed(0)
    network = build()
    looking = Inference(network, wanted)
    for count in (1, 3, 8):
        images = smooth(count, height, width)
        with torch.no_grad():
            expected = network(images)
        looking.outcome(images)
        poison_memory()
        found = looking(images)
        assert found.dtype == torch.float32
        assert lowest_cosine(expected, found) > AGREEMENT


@pytest.mark.parametrize(("build", "height", "width"), NETWORKS)
def test_a_training_computes_each_layer_as_float32_does(build, height: int, width: int) -> None:
    torch.manual_seed(0)
    network = build()
    images = smooth(4, height, width)
    outcome = training_outcome("bf16", [(network, images)])
    if outcome.precision == "fp32":
        assert outcome.reason
        return
    for layer, shape in layer_inputs(network, images):
        assert layer_cosine(layer, torch.randn(shape)) > AGREEMENT


def layer_inputs(network: nn.Module, images: Tensor) -> list[tuple[nn.Module, torch.Size]]:
    """The network's convolutions and the shapes of their inputs."""
    found: list[tuple[nn.Module, torch.Size]] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(lambda layer, inputs, _: found.append((layer, inputs[0].shape)))
    with torch.no_grad():
        network(images)
    for layer, _ in found:
        layer._forward_hooks.clear()
    return found


@pytest.mark.parametrize(
    ("layer", "height", "width", "is_narrow"),
    [
        (nn.Conv2d(4, 4, 3, stride=2, padding=1), 4, 2, True),
        (nn.Conv2d(4, 4, 1, stride=2), 2, 1, True),
        (nn.Conv2d(4, 4, 4, stride=2, padding=1), 8, 2, True),
        (nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1), 2, 1, True),
        (nn.Conv2d(4, 4, 3, stride=2, padding=1), 2, 4, False),
        (nn.Conv2d(4, 4, 3, padding=1), 4, 1, False),
        (nn.Conv2d(4, 4, 3, stride=2, padding=1), 8, 4, False),
    ],
)
def test_a_stride_that_leaves_one_pixel_of_width_never_computes_in_bfloat16(
    layer: nn.Module, height: int, width: int, is_narrow: bool
) -> None:
    images = torch.rand(2, 4, height, width)
    with narrow_layers(layer) as narrow, torch.no_grad():
        layer(images)
    assert bool(narrow) == is_narrow
    for outcome in (Inference(layer, "bf16").outcome(images), training_outcome("bf16", [(layer, images)])):
        assert (outcome.reason == NARROW) == is_narrow
        assert (outcome.precision == "fp32") == is_narrow


class Cancelling(nn.Module):
    """What differs between its images is lost in bfloat16, beside a large number that is taken off again."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 1)
        nn.init.constant_(self.layer.bias, 1000)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images) - 1000


def test_a_network_that_loses_its_numbers_in_bfloat16_computes_in_float32_and_says_why(caplog) -> None:
    network, images = Cancelling(), smooth(4, 16, 16)
    looking = Inference(network, "bf16")
    with torch.no_grad():
        assert torch.equal(looking(images), network(images))
    looking(images)
    (outcome,) = looking.outcomes.values()
    assert outcome.precision == "fp32"
    assert outcome.cosine < AGREEMENT
    assert caplog.messages == [f"Cancelling at 16x16: computes in float32, not bfloat16: {outcome.reason}"]


def test_outcomes_are_told_while_another_thread_adds_to_them() -> None:
    switched = sys.getswitchinterval()
    looking = Inference(nn.Identity(), "fp32")
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(1) as pool:
            adding = pool.submit(lambda: [looking.outcome(torch.empty(count, 0)) for count in range(3000)])
            while not adding.done():
                assert looking.precision in ("", "fp32")
                assert str(looking) in ("", "fp32")
            adding.result()
    finally:
        sys.setswitchinterval(switched)
    assert len(looking.outcomes) == 3000


def test_an_outcome_is_kept_for_the_same_weights_and_size(cache: Path) -> None:
    network, images = Cancelling(), smooth(4, 16, 16)
    first = Inference(network, "bf16").outcome(images)
    (file,) = cache.iterdir()
    assert Outcome(**json.loads(file.read_bytes())) == first
    file.write_text(json.dumps({"precision": "bf16", "cosine": 1.0, "reason": ""}))
    assert Inference(network, "bf16").outcome(images) == Outcome("bf16", 1.0)
    assert Inference(network, "bf16").outcome(images[:3]).precision == "fp32"
    nn.init.normal_(network.layer.weight)
    assert Inference(network, "bf16").outcome(images).precision == "fp32"


def test_a_damaged_outcome_is_made_again(cache: Path) -> None:
    network, images = Cancelling(), smooth(4, 16, 16)
    first = Inference(network, "bf16").outcome(images)
    (file,) = cache.iterdir()
    for content in ("", "[1]", '{"precision": "bf16", "more": 1}'):
        file.write_text(content)
        assert Inference(network, "bf16").outcome(images) == first


def test_a_cache_that_cannot_be_written_is_no_failure(cache: Path) -> None:
    cache.write_text("a file where the folder would be")
    assert Inference(Cancelling(), "bf16").outcome(smooth(2, 16, 16)).precision == "fp32"


def test_outcomes_of_a_training_in_progress_are_not_kept(cache: Path) -> None:
    assert Inference(Cancelling(), "bf16", kept=False).outcome(smooth(2, 16, 16)).precision == "fp32"
    assert not cache.exists()


def test_what_is_made_of_a_network_in_float32_computes_so_too_and_is_not_compared(cache: Path) -> None:
    images = smooth(2, 16, 16)
    exact = nn.Conv2d(3, 4, 1).eval()
    made = Inference(exact, "bf16", origin=Inference(Cancelling(), "bf16"))
    assert made.outcome(images).precision == "fp32"
    assert len(list(cache.iterdir())) == 1
    made = Inference(exact, "bf16", origin=Inference(nn.Conv2d(3, 5, 1).eval(), "bf16"))
    assert made.outcome(images).precision == "bf16"
    assert len(list(cache.iterdir())) == 3


def test_float32_is_never_compared(cache: Path) -> None:
    looking = Inference(Cancelling(), "fp32")
    looking(smooth(2, 16, 16))
    assert looking.precision == "fp32"
    assert not cache.exists()


def test_values_that_are_no_numbers_are_told_from_others() -> None:
    assert outcome_for_cosine(0.9995) == Outcome("bf16", 0.9995)
    assert outcome_for_cosine(float("nan")).precision == "fp32"
    assert "not numbers" in outcome_for_cosine(float("nan")).reason
    assert "0.9000" in str(outcome_for_cosine(0.9))


def test_the_lowest_cosine_is_that_of_the_worst_image() -> None:
    expected = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert lowest_cosine(expected, torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]])) == pytest.approx(0.5**0.5)
    assert lowest_cosine(expected, torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.1, 0.0]])) == 0
