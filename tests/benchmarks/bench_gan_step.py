"""One SimPGAN step against the same step written plainly, in images per second, and what each trick of it buys.

    python -m tests.benchmarks.bench_gan_step --height 128 --width 64 --channels 32 --blocks 4 --pairs 2

The plain step is the reference of the tests, in fp32: each image its own forward, nothing shared, every gradient
computed. A trick is measured by taking it away from the step in `--precision`. All kinds of steps take turns in one
process, so that a machine whose speed drifts treats them alike; a ratio is the median over the turns of that within a
turn.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.layers import (
    FewInputsConv2d,
    FewOutputsConv2d,
    InstanceNorm,
    ReflectionPad,
    UpsamplingConv2d,
)
from simpgan.components.core.tracking import StageRun, stage_run
from simpgan.components.core.training.device import choose_device, seed_step
from simpgan.components.train_gan import losses
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.train_gan.trainer import GanTrainer
from tests.benchmarks.timing import ratio, take_turns
from tests.components.train_gan.plain_step import plain_step

PEOPLE, IMAGES_EACH = 20, 5
FASTER = (FewInputsConv2d, FewOutputsConv2d, InstanceNorm, ReflectionPad, UpsamplingConv2d)


def main() -> None:
    parser = argparse.ArgumentParser(description="SimPGAN's step against the plain one")
    for name, default in {"height": 128, "width": 64, "channels": 32, "blocks": 4, "pairs": 2, "turns": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--upsample", choices=["resize", "transposed"], default="resize")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="of the step without a trick")
    size = vars(parser.parse_args())
    turns, precision = size.pop("turns"), size.pop("precision")
    with (
        TemporaryDirectory() as folder,
        stage_run("train_gan", settings={}, history=Path(folder) / "history.jsonl") as run,
    ):
        compare_with_plain_step(size, turns, run)
        measure_tricks({**size, "precision": precision}, turns, run)
        measure_drawing(size, turns, run)


def build(size: dict[str, Any], run: StageRun, **changes: object) -> GanTrainer:
    """A trainer; all of one size start with the same weights and draw the same batches."""
    torch.manual_seed(0)
    height, width = size["height"], size["width"]
    settings = TrainGanSettings.parse({"precision": "fp32", **size, "gradient_norm_steps": 0, **changes})
    classifier = SiameseClassifier(ClassifierConfig(identities=PEOPLE, height=height, width=width))
    images = torch.randint(0, 256, (PEOPLE * IMAGES_EACH, 3, height, width), dtype=torch.uint8).to(choose_device())
    sampler = PairSampler(np.arange(len(images)) // IMAGES_EACH)
    return GanTrainer(images, sampler, 255 - images, classifier.to(images.device), settings, run)


def plainly(trainer: GanTrainer, step: int) -> dict[str, Tensor]:
    """The plain step with the optimisers' work, so that both kinds do the same."""
    recorded = plain_step(trainer, trainer.batches.draw(seed_step(trainer.settings.seed, step)))
    for optimizer in trainer.optimizers.values():
        optimizer.step()
    for network in (trainer.g, trainer.f, trainer.d_source, trainer.d_target):
        network.zero_grad()
    return recorded


def compare_with_plain_step(size: dict[str, Any], turns: int, run: StageRun) -> None:
    plain, fp32, auto = build(size, run), build(size, run), build(size, run, precision="auto")
    expected, found = plainly(plain, 0), fp32.step(0)
    difference = max(float((found[name] / loss - 1).abs()) for name, loss in expected.items())
    print(f"losses of the first step differ from the plain step's by at most {difference:.1e}, relatively\n")
    times = take_turns(
        {
            "plain fp32": lambda step: plainly(plain, step),
            "trainer fp32": fp32.step,
            "trainer auto": auto.step,
        },
        turns,
    )
    for name, values in times.items():
        rate = fp32.images_per_step / median(values)
        print(
            f"{name:13}  {rate:7.2f} images/s  {ratio(times['plain fp32'], values):5.2f} times the plain step's speed"
        )


def measure_tricks(size: dict[str, Any], turns: int, run: StageRun) -> None:
    """How much faster the step is than without one trick; below 1 the trick costs time."""
    steps: dict[str, Callable[[int], object]] = {"as it is": build(size, run).step}
    for name, take_away in TRICKS.items():
        trainer = build(size, run)
        take_away(trainer)
        steps[name] = trainer.step
    steps["residual blocks kept, not computed again"] = build(size, run, recompute=True).step
    times = take_turns(steps, turns)
    print(f"\n{size['precision']} step's speed, times that without the trick")
    for name, values in times.items():
        if name != "as it is":
            print(f"{name:55}  {ratio(values, times['as it is']):5.2f}")


def measure_drawing(size: dict[str, Any], turns: int, run: StageRun) -> None:
    """The share of a step that goes into drawing its batch: images lie decoded on the device."""
    trainer = build(size, run, precision="auto", crop_padding=4)
    times = take_turns(
        {"step": trainer.step, "draw": lambda step: trainer.batches.draw(seed_step(0, step))}, max(turns, 5)
    )
    print(f"\ndrawing the batch takes {100 * ratio(times['draw'], times['step']):.2f} % of a step")


def one_by_one(trainer: GanTrainer) -> None:
    for network in (trainer.g, trainer.f, trainer.d_source, trainer.d_target, similarity_judge(trainer)):
        at_once = network.forward
        network.forward = lambda images, at_once=at_once: torch.cat([at_once(image) for image in images.split(1)])


def reconstruct_again(trainer: GanTrainer) -> None:
    """F(G(I_S)) is computed for the similarity loss once more."""
    objective = trainer.generator_objective
    forward = objective.forward

    def again(batch):
        kept = losses.similarity
        losses.similarity = lambda classifier, _, same: kept(classifier, trainer.f(trainer.g(batch.source)), same)
        try:
            return forward(batch)
        finally:
            losses.similarity = kept

    objective.forward = again


def translate_again(trainer: GanTrainer) -> None:
    """The discriminators' fakes are made once more, not taken from the generators' step."""
    objective = trainer.discriminator_objective
    forward = objective.forward

    def again(_fake_source, _fake_target, source, target):
        return forward(trainer.f(target).detach(), trainer.g(source).detach(), source, target)

    objective.forward = again


def give_judges_gradients(trainer: GanTrainer) -> None:
    for judge in (trainer.d_source, trainer.d_target, similarity_judge(trainer)):
        judge.requires_grad_(True)
        judge.requires_grad_ = lambda wanted=True, judge=judge: judge


def first_channel_first(trainer: GanTrainer) -> None:
    """The classifier's weights and images in torch's usual order."""
    classifier = similarity_judge(trainer).to(memory_format=torch.contiguous_format)
    backbone = classifier.backbone
    in_channels_last = backbone.forward
    backbone.forward = lambda images: in_channels_last(images.contiguous())


def last_channel_first(trainer: GanTrainer) -> None:
    """The generators with channels last, which they are not."""
    for network in (trainer.g, trainer.f):
        network.to(memory_format=torch.channels_last)
        forward: Callable[[Tensor], Tensor] = network.forward
        network.forward = lambda images, forward=forward: forward(images.contiguous(memory_format=torch.channels_last))


def similarity_judge(trainer: GanTrainer) -> SiameseClassifier:
    """The classifier as the similarity loss sees it."""
    return trainer.generator_objective.judges[-1]


def judge_unfolded(trainer: GanTrainer) -> None:
    """The similarity loss sees the classifier as it was trained."""
    objective = trainer.generator_objective
    objective.judges = (*objective.judges[:2], trainer.classifier)


def with_layers_of_torch(*kinds: type[nn.Module]) -> Callable[[GanTrainer], None]:
    """Take away some of `core/models/layers.py`."""

    def take_away(trainer: GanTrainer) -> None:
        for network in (trainer.g, trainer.f, trainer.d_source, trainer.d_target):
            for layer in network.modules():
                if isinstance(layer, kinds):
                    plain = upsampled if isinstance(layer, UpsamplingConv2d) else type(layer).__base__.forward
                    layer.forward = partial(plain, layer)

    return take_away


def without_faster_layers(trainer: GanTrainer) -> None:
    judge_unfolded(trainer)
    with_layers_of_torch(*FASTER)(trainer)


def upsampled(convolution: UpsamplingConv2d, features: Tensor) -> Tensor:
    """Upsampling, padding and convolution one after the other."""
    doubled = functional.interpolate(features, scale_factor=2)
    padded = functional.pad(doubled, (1,) * 4, mode="reflect")
    return functional.conv2d(padded, convolution.weight, convolution.bias)


TRICKS: dict[str, Callable[[GanTrainer], None]] = {
    "all images of a batch in one forward": one_by_one,
    "F(G(x)) for the cycle and the similarity loss": reconstruct_again,
    "the generators' fakes for the discriminators": translate_again,
    "no weight gradients of discriminators and classifier": give_judges_gradients,
    "batch normalisation of the similarity's judge folded": judge_unfolded,
    "upsampling in its convolution": with_layers_of_torch(UpsamplingConv2d),
    "convolutions from and to images": with_layers_of_torch(FewInputsConv2d, FewOutputsConv2d),
    "padding in bfloat16, its gradient by rows and columns": with_layers_of_torch(ReflectionPad),
    "instance normalisation by groups": with_layers_of_torch(InstanceNorm),
    "all of these layers, and the judge's folding": without_faster_layers,
    "classifier with channels last": first_channel_first,
    "generators without channels last": last_channel_first,
}


if __name__ == "__main__":
    main()
