"""Peak memory of a SimPGAN step: estimated on any machine, and measured where there is a GPU.

    python -m tests.benchmarks.bench_gan_memory --blocks 9 --height 256 --width 128 --pairs 1

The estimate runs the step's two updates with tensors that have a shape and no content, and adds up what is alive at
once: weights, gradients, the optimisers' state, and everything kept for the backward pass. Not in it: the decoded
images (3 x height x width bytes each), libraries' workspace, the GPU's context, fragmentation.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.translator import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.training.loop import Updates
from simpgan.components.train_gan.batches import Batch
from simpgan.components.train_gan.objectives import DiscriminatorObjective, GeneratorObjective, generator_loss
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.train_gan.trainer import build_optimizer
from tests.benchmarks.bench_gan_step import build
from tests.benchmarks.meters import MemoryMeter, as_fakes

GIB = 2**30


def main() -> None:
    parser = argparse.ArgumentParser(description="peak memory of SimPGAN's step")
    for name, default in {"height": 256, "width": 128, "channels": 64, "blocks": 9, "pairs": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    size = vars(parser.parse_args())
    for recompute in (False, True):
        for precision in ("fp32", "bf16"):
            settings = TrainGanSettings.parse({**size, "recompute": recompute, "precision": precision})
            print(f"recompute={recompute!s:5} {precision}: {estimate(settings) / GIB:5.2f} GiB estimated", end="")
            print(f", {measure(size, settings) / GIB:5.2f} GiB measured" if torch.cuda.is_available() else "")


def estimate(settings: TrainGanSettings) -> int:
    """Bytes of the tensors that are alive at once, at most, in the second step."""
    fakes = FakeTensorMode()
    size = settings.model_dump(include={"height", "width", "channels", "blocks", "upsample", "input_skip"})
    g, f = (Generator(GeneratorConfig(**size), recompute=settings.recompute) for _ in range(2))
    d_source, d_target = (Discriminator(DiscriminatorConfig(channels=settings.channels)) for _ in range(2))
    config = ClassifierConfig(identities=751, height=settings.height, width=settings.width)
    classifier = SiameseClassifier(config).freeze()
    networks = (g, f, d_source, d_target, classifier)
    for network in networks:
        as_fakes(network, fakes)
    generators = GeneratorObjective(g, f, (d_source, d_target), classifier, settings)
    discriminators = DiscriminatorObjective(d_source, d_target, settings.discriminator_factor)
    optimizers = build_optimizer((g, f), settings), build_optimizer((d_source, d_target), settings)
    memory = MemoryMeter()
    with fakes:
        updates = Updates()
        images = torch.zeros(2 * settings.pairs, 3, settings.height, settings.width)
        batch = Batch(images, torch.ones(settings.pairs), torch.zeros(2 * settings.pairs, dtype=torch.long), images + 0)
        for tensor in (
            batch.source,
            batch.target,
            *(weight for network in networks for weight in network.parameters()),
        ):
            memory.hold(tensor)
        with memory:
            for _ in range(2):  # The optimisers' state is there from the second step on.
                memory.peak = memory.live
                with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
                    made = generators(batch)
                updates.make(optimizers[0], generator_loss(made.parts, settings.loss_weights(0)))
                with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
                    judged = discriminators(
                        made.fake_source.detach(), made.fake_target.detach(), batch.source, batch.target
                    )
                updates.make(optimizers[1], judged["loss/discriminators"])
    return memory.peak


def measure(size: dict[str, int], settings: TrainGanSettings) -> int:
    """Bytes that the trainer's own step took of the GPU, its few images included."""
    with (
        TemporaryDirectory() as folder,
        stage_run("train_gan", settings={}, history=Path(folder) / "history.jsonl") as run,
    ):
        trainer = build(size, run, precision=settings.precision, recompute=settings.recompute)
        torch.cuda.reset_peak_memory_stats()
        for step in range(1, 4):
            trainer.step(step)
        return torch.cuda.max_memory_allocated()


if __name__ == "__main__":
    main()
