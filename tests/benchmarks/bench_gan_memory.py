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

from simpgan.components.core.tracking import stage_run
from simpgan.components.train_gan.settings import TrainGanSettings
from tests.benchmarks.bench_gan_step import build
from tests.benchmarks.fake_steps import gan_step

GIB = 2**30


def main() -> None:
    parser = argparse.ArgumentParser(description="peak memory of SimPGAN's step")
    for name, default in {"height": 256, "width": 128, "channels": 64, "blocks": 9, "pairs": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    size = vars(parser.parse_args())
    for recompute in (False, True):
        for precision in ("fp32", "bf16"):
            settings = TrainGanSettings.parse({**size, "recompute": recompute, "precision": precision})
            print(f"recompute={recompute!s:5} {precision}: {gan_step(settings).peak / GIB:5.2f} GiB estimated", end="")
            print(f", {measure(size, settings) / GIB:5.2f} GiB measured" if torch.cuda.is_available() else "")


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
