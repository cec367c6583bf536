"""How long a search takes, and how much memory, with the gallery's features in the cache.

    python -m tests.benchmarks.bench_search

Features are random, as long as ResNet-50's, in a file that is mapped as the search maps it. Each size is measured in a
process of its own: its memory is the highest it had beyond that of a gallery of a single image, apart from the pages of the
mapped file, which are the operating system's to keep or drop.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.lib.format import open_memmap

from components.search.ranking import nearest

DIMENSIONS = 2048
REPEATS = 7


def main(
    images: Annotated[list[int] | None, typer.Option(help="gallery sizes")] = None,
    of: Annotated[Path | None, typer.Option(help="file of features to search; used within")] = None,
) -> None:
    if of:
        search(of)
        return
    with tempfile.TemporaryDirectory() as folder:
        for count in images or [20_000, 100_000, 200_000]:
            path = Path(folder) / f"{count}.npy"
            write(path, count)
            subprocess.run([sys.executable, "-m", "tests.benchmarks.bench_search", "--of", str(path)], check=True)
            path.unlink()


def write(path: Path, images: int) -> None:
    """Random features of length 1."""
    random = np.random.default_rng(0)
    features = open_memmap(path, mode="w+", dtype=np.float32, shape=(images, DIMENSIONS))
    for start in range(0, images, 10_000):
        block = random.normal(size=(min(10_000, images - start), DIMENSIONS)).astype(np.float32)
        features[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)


def search(path: Path) -> None:
    """Time one probe, and compare with sorting everything."""
    gallery = np.load(path, mmap_mode="r", allow_pickle=False)
    probe = np.array(gallery[:1])
    nearest(probe, gallery[:1], 20)
    before = private_memory()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        rows, _ = nearest(probe, gallery, 20)
        seconds.append(time.perf_counter() - started)
    memory = private_memory() - before
    exact = np.argsort(-(probe @ gallery.T), axis=1, kind="stable")[:, :20]
    same = "the same images as sorting everything" if (rows == exact).all() else "OTHER IMAGES than sorting everything"
    print(
        f"{len(gallery):,} images: first {seconds[0]:.3f} s, then {np.median(seconds[1:]):.3f} s a probe, "
        f"{memory / 2**20:.0f} MiB; {same}"
    )


def private_memory() -> int:
    """Bytes of this process's own pages at most so far: all at most, without those of files now."""
    kinds = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 if "RssAnon" not in kinds else kilobytes(kinds)


def kilobytes(kinds: dict[str, str]) -> int:
    return int(kinds["RssAnon"].split()[0]) * 1024


if __name__ == "__main__":
    typer.run(main)
