"""One SimPGAN step against the same step written plainly, in images per second.

    python -m tests.benchmarks.bench_gan_step

The plain step is the reference of the tests, in fp32: each image its own forward, nothing shared, every gradient
computed. Steps of both kinds alternate, so that a machine whose speed drifts treats them alike.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

from components.core.data.pairs import PairSampler
from components.core.models.classifier import ClassifierConfig, SiameseClassifier
from components.core.runtime.tracking import StageRun, stage_run
from components.train_gan.settings import TrainGanSettings
from components.train_gan.trainer import GanTrainer
from tests.components.train_gan.plain_step import plain_step

HEIGHT, WIDTH, ROUNDS = 128, 64, 5


def build(precision: str, run: StageRun) -> GanTrainer:
    settings = TrainGanSettings(height=HEIGHT, width=WIDTH, channels=32, blocks=4, pairs=2, precision=precision)
    classifier = SiameseClassifier(ClassifierConfig(identities=10, height=HEIGHT, width=WIDTH))
    images = torch.randint(0, 256, (100, 3, HEIGHT, WIDTH), dtype=torch.uint8)
    return GanTrainer(images, PairSampler(np.arange(100) // 5), 255 - images, classifier, settings, run)


def plainly(trainer: GanTrainer, step: int) -> None:
    """The plain step with the optimisers' work, so that both kinds do the same."""
    plain_step(trainer, *trainer.draw(torch.Generator().manual_seed(step)))
    trainer.generator_optimizer.step()
    trainer.discriminator_optimizer.step()
    for network in (trainer.g, trainer.f, trainer.d_source, trainer.d_target):
        network.zero_grad()


def seconds(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def main() -> None:
    with (
        TemporaryDirectory() as folder,
        stage_run("train_gan", settings={}, history=Path(folder) / "history.jsonl") as run,
    ):
        plain, fp32, auto = build("fp32", run), build("fp32", run), build("auto", run)
        times: dict[str, list[float]] = {"plain fp32": [], "trainer fp32": [], "trainer auto": []}
        for step in range(ROUNDS + 1):
            round_times = {
                "plain fp32": seconds(lambda step=step: plainly(plain, step)),
                "trainer fp32": seconds(lambda step=step: fp32.step(step)),
                "trainer auto": seconds(lambda step=step: auto.step(step)),
            }
            if step:  # the first round warms up
                for name, value in round_times.items():
                    times[name].append(value)
        images = fp32.images_per_step
        for name, values in times.items():
            ratio = median(one / other for one, other in zip(times["plain fp32"], values, strict=True))
            print(f"{name:13}  {images / median(values):6.2f} images/s  {ratio:5.2f} times the plain step's speed")


if __name__ == "__main__":
    main()
