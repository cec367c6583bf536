"""What bounds each part of a SimPGAN step: its operations and bytes against what this machine can do of each.

    python -m tests.benchmarks.roofline --height 128 --width 64 --channels 32 --blocks 4 --pairs 2 --precision fp32

A part cannot be faster than its operations at the machine's measured peak, nor than its bytes at the measured
bandwidth; the later of the two bounds it. Bytes are counted as if no operation found its input in a cache, so a part
may be faster than its bytes say where caches are large.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.translator import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.training.device import autocast, choose_device
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.train_gan.trainer import build_optimizer
from tests.benchmarks.bench_gan_step import build
from tests.benchmarks.meters import MemoryMeter
from tests.benchmarks.timing import timed


class Part(NamedTuple):
    """A piece of work, and how often a step does it."""

    name: str
    times: int
    work: Callable[[], object]


class Ceilings(NamedTuple):
    """Measured: operations (a multiplication with its addition is two) and bytes, per second."""

    operations: float
    bytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description="a roofline of SimPGAN's step")
    for name, default in {"height": 128, "width": 64, "channels": 32, "blocks": 4, "pairs": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    chosen = vars(parser.parse_args())
    turns = chosen.pop("turns")
    settings = TrainGanSettings.parse(chosen)
    device = choose_device()
    ceilings = measure_ceilings(settings, device, turns)
    print(f"\n{'part':40} {'times':>5} {'GMAC':>8} {'MB':>8} {'ops/byte':>8} {'ms':>8} {'of roof':>8}  bound by")
    total = 0.0
    for part in parts(settings, device):
        seconds = seconds_of(part.work, turns)
        operations, moved = count(part.work)
        total += part.times * seconds
        compute, memory = operations / ceilings.operations, moved / ceilings.bytes
        bound = "operations" if compute > memory else "bytes"
        print(
            f"{part.name:40} {part.times:5} {operations / 2e9:8.2f} {moved / 1e6:8.1f} {operations / moved:8.1f} "
            f"{seconds * 1e3:8.1f} {max(compute, memory) / seconds:8.0%}  {bound}"
        )
    print(f"all parts of a step {total * 1e3:.1f} ms; the step itself {1e3 * step_seconds(chosen, turns):.1f} ms")


def measure_ceilings(settings: TrainGanSettings, device: torch.device, turns: int) -> Ceilings:
    """Peaks of matrix product, convolution and copy; the higher of the first two is the ceiling."""
    kind = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    side = 8192 if device.type == "cuda" else 1536
    matrix = torch.randn(side, side, device=device, dtype=kind)
    product = 2 * side**3 / seconds_of(lambda: matrix @ matrix, turns)
    width = 4 * settings.channels
    features = torch.randn(
        2 * settings.pairs, width, settings.height // 4, settings.width // 4, device=device, dtype=kind
    )
    weight = torch.randn(width, width, 3, 3, device=device, dtype=kind)
    operations = 2 * features.numel() * width * 9
    convolution = operations / seconds_of(lambda: functional.conv2d(features, weight, padding=1), turns)
    source = torch.randn(64 * 2**20, device=device)
    target = torch.empty_like(source)
    copy = 2 * source.numel() * source.element_size() / seconds_of(lambda: target.copy_(source), turns)
    print(f"matrix product {product / 1e9:.0f} and a residual block's convolution {convolution / 1e9:.0f} GFLOP/s")
    print(f"copy {copy / 1e9:.1f} GB/s, read and written")
    print(f"{settings.precision}, {device}, {torch.get_num_threads()} threads")
    return Ceilings(max(product, convolution), copy)


def parts(settings: TrainGanSettings, device: torch.device) -> Iterator[Part]:
    """The work of a step: four passes through generators, two and two through discriminators, one through the
    classifier, the optimisers."""
    size = settings.model_dump(include={"height", "width", "channels", "blocks"})
    generator = Generator(GeneratorConfig(**size)).to(device)
    discriminator = Discriminator(DiscriminatorConfig(channels=settings.channels)).to(device)
    config = ClassifierConfig(identities=751, height=settings.height, width=settings.width)
    classifier = SiameseClassifier(config).freeze().to(device)
    shape = (2 * settings.pairs, 3, settings.height, settings.width)
    images = (torch.rand(shape, device=device) * 2 - 1).requires_grad_()
    both = torch.cat([images, images]).detach()

    def forward(network: nn.Module, batch: Tensor) -> Tensor:
        with autocast(device, settings.precision):
            return network(batch)

    def backward(outputs: Tensor, inputs: list[Tensor]) -> object:
        return torch.autograd.grad(outputs, inputs, torch.ones_like(outputs), retain_graph=True)

    weights = list(generator.parameters())
    translated = forward(generator, images)
    yield Part("generator, forward", 4, lambda: forward(generator, images))
    yield Part("generator, backward", 4, lambda: backward(translated, [images, *weights]))
    discriminator.requires_grad_(False)
    yield Part("discriminator, forward, of fakes", 2, lambda: forward(discriminator, images))
    judged = forward(discriminator, images)
    yield Part("discriminator, backward to the fakes", 2, lambda: backward(judged, [images]))
    discriminator.requires_grad_(True)
    learning = list(discriminator.parameters())
    yield Part("discriminator, forward, to learn", 2, lambda: forward(discriminator, both))
    judged_both = forward(discriminator, both)
    yield Part("discriminator, backward to its weights", 2, lambda: backward(judged_both, learning))
    embedding = forward(classifier, images)
    yield Part("classifier, forward", 1, lambda: forward(classifier, images))
    yield Part("classifier, backward to the images", 1, lambda: backward(embedding, [images]))
    optimizer = build_optimizer((generator, discriminator), settings)
    for weight in (*weights, *learning):
        weight.grad = torch.ones_like(weight)
    yield Part("Adam, a generator and a discriminator", 2, optimizer.step)


def seconds_of(work: Callable[[], object], turns: int) -> float:
    """The median time of a piece of work, after one that warms up."""
    return median([timed(lambda _: work(), turn) for turn in range(turns + 1)][1:])


def count(work: Callable[[], object]) -> tuple[int, int]:
    """(operations of matrix products and convolutions, bytes that all operations read and write)."""
    with FlopCounterMode(display=False) as operations:
        work()
    with MemoryMeter() as memory:
        work()
    return operations.get_total_flops(), memory.moved


def step_seconds(chosen: dict, turns: int) -> float:
    """The time of the trainer's own step at the same size."""
    size = {name: value for name, value in chosen.items() if name != "precision"}
    with (
        TemporaryDirectory() as folder,
        stage_run("train_gan", settings={}, history=Path(folder) / "history.jsonl") as run,
    ):
        trainer = build(size, run, precision=chosen["precision"])
        numbers = iter(range(1, turns + 2))
        return seconds_of(lambda: trainer.step(next(numbers)), turns)


if __name__ == "__main__":
    main()
