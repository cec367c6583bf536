"""How long a search takes, and how much memory, with the gallery's features in the cache.

    python -m tests.benchmarks.bench_search

Features are random, as long as ResNet-50's, in a file that is mapped as the search maps it, whose pages are the
operating system's to keep or drop. Memory is the most that Python and numpy had allocated during a search.
"""

import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.lib.format import open_memmap

from simpgan.components.search.ranking import nearest

DIMENSIONS = 2048
REPEATS = 7


def main(images: Annotated[list[int] | None, typer.Option(help="gallery sizes")] = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for count in images or [20_000, 100_000, 200_000]:
            path = Path(folder) / f"{count}.npy"
            write(path, count)
            measure(path)
            path.unlink()


def write(path: Path, images: int) -> None:
    """Random features of length 1."""
    random = np.random.default_rng(0)
    features = open_memmap(path, mode="w+", dtype=np.float32, shape=(images, DIMENSIONS))
    for start in range(0, images, 10_000):
        block = random.normal(size=(min(10_000, images - start), DIMENSIONS)).astype(np.float32)
        features[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)


def measure(path: Path) -> None:
    """Time one probe, count memory, and compare with sorting everything."""
    gallery = np.load(path, mmap_mode="r", allow_pickle=False)
    probe = np.array(gallery[:1])
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        rows, _ = nearest(probe, gallery, 20)
        seconds.append(time.perf_counter() - started)
    tracemalloc.start()
    nearest(probe, gallery, 20)
    memory = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    exact = np.argsort(-(probe @ gallery.T), axis=1, kind="stable")[:, :20]
    same = "the same images as sorting everything" if (rows == exact).all() else "OTHER IMAGES than sorting everything"
    print(
        f"{len(gallery):,} images: first {seconds[0]:.3f} s, then {np.median(seconds[1:]):.3f} s a probe, "
        f"{memory:.1f} MiB; {same}"
    )


if __name__ == "__main__":
    typer.run(main)
