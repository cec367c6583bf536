"""Seconds from a changed line of code to a stage's code running in a container of its new image.

Builds the images first if they are not there, on those of tests/containers (which need no image registry):

    python -m tests.benchmarks.bench_image_rebuild --stage train_gan --turns 3
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from simpgan.pipelines.images.build import Bases, build, context
from simpgan.pipelines.images.wheels import ROOT, image_of_wheels
from tests.containers import base_images
from tests.containers.running import output

LIMIT_SECONDS = 20


def measure(stage: str, bases: Bases, wheels: str, root: Path, line: str) -> dict[str, float]:
    """Seconds of every step after a line was added to the stage's code."""
    with (root / "components" / stage / "stage.py").open("a") as file:
        file.write(f"\n# {line}\n")
    times = {}
    start = time.perf_counter()
    context(root)
    times["collect the code"] = time.perf_counter() - start
    start = time.perf_counter()
    image = build(stage, bases, wheels, root, tag="changed")
    times["build, with collecting"] = time.perf_counter() - start
    start = time.perf_counter()
    output(image, "python3", "-c", "pass")
    times["start and end a container"] = time.perf_counter() - start
    start = time.perf_counter()
    output(image, "python3", "-c", f"import simpgan.components.{stage}.stage")
    times["the same, with the stage's code loaded"] = time.perf_counter() - start
    return times


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", default="train_gan")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    base_images.build()
    bases = Bases(base_images.TORCH, base_images.SLIM)
    wheels = image_of_wheels(bases.python())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("components", "simpgan"):
            shutil.copytree(ROOT / name, root / name, symlinks=True)
        image = build(arguments.stage, bases, wheels, root, tag="changed")
        turns = [measure(arguments.stage, bases, wheels, root, f"turn {turn}") for turn in range(arguments.turns)]
    subprocess.run(["docker", "image", "rm", image], check=True, capture_output=True)
    for step in turns[0]:
        print(f"{step:40} {median(turn[step] for turn in turns):6.2f} s")
    whole = median(turn["build, with collecting"] + turn["the same, with the stage's code loaded"] for turn in turns)
    print(f"{'from the changed line to its code loaded':40} {whole:6.2f} s (at most {LIMIT_SECONDS} s are wanted)")


if __name__ == "__main__":
    main()
