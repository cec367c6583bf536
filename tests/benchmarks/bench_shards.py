"""What it costs to compare images with their sha256 when they are read from shards.

Run: python -m tests.benchmarks.bench_shards
"""

import argparse
import hashlib
import tempfile
import time
from statistics import median
from unittest import mock

import numpy as np
import pandas as pd

from simpgan.components.core.data.image_tensors import iterate_batches
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images, write_shards
from tests.components.core.data.test_decoding import encoded


def made(root: str, images: int) -> Manifest:
    """Crops of 128 x 64 noise as JPEG: about as many bytes as a detailed photograph of that size has."""
    from PIL import Image

    random = np.random.default_rng(0)
    some = [encoded(Image.fromarray(random.integers(0, 256, (128, 64, 3), dtype=np.uint8)), "jpeg") for _ in range(64)]
    names = [f"{number:06}.jpg" for number in range(images)]
    items = ((name, some[number % len(some)]) for number, name in enumerate(names))
    places = write_shards(root, items).table
    table = places.assign(name=names, width=64, height=128, person=pd.NA, camera=pd.NA, time=pd.NA)
    return Manifest("made up", table, pd.DataFrame({"image": [0], "protocol": "p", "fold": 0, "role": "train"}))


class Unchecked:
    """Stands for hashlib: says of all bytes what the manifest says."""

    def __init__(self, digests: list[str]) -> None:
        self.digests = iter(digests)

    def sha256(self, content: bytes) -> "Unchecked":
        return self

    def hexdigest(self) -> str:
        return next(self.digests)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        manifest = made(root, given.images)
        rows = np.arange(given.images)
        digests = manifest.images["sha256"].tolist()
        ways = {
            "read": lambda: sum(1 for _ in read_images(root, manifest, rows)),
            "read and decoded": lambda: sum(len(each) for each in iterate_batches(root, manifest, rows, 128, 64, 256)),
        }
        for name, work in ways.items():
            seconds: dict[str, list[float]] = {"without": [], "with": []}
            for _ in range(given.turns):
                for way, how in (("without", Unchecked(digests)), ("with", hashlib)):
                    with mock.patch("simpgan.components.core.data.shards.hashlib", how):
                        began = time.perf_counter()
                        work()
                        seconds[way].append(time.perf_counter() - began)
            rates = {way: given.images / median(times) for way, times in seconds.items()}
            print(f"{name}: {rates['without']:,.0f} images/s without the comparison, {rates['with']:,.0f} with it")


if __name__ == "__main__":
    main()
