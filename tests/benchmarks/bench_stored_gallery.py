"""How long a search of a stored gallery of a million images takes, exactly and by faiss, and how much memory.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_stored_gallery --dimensions 512

Features are generated, with the shape of a network's: people with 50 images each, seen by 6 cameras, and no negative
numbers. They are stored as `simpgan gallery` stores them, then fetched and searched as `simpgan search` does it.
Memory is what the process has allocated (RssAnon). Pages of the mapped file are not in it: the operating system keeps
them while it has room. The probes are images of the gallery.
"""

import os
import re
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import ROLE_COLUMNS, empty_table
from simpgan.components.core.process.provenance import hardware
from simpgan.components.search.approximate import build_index
from simpgan.components.search.ranking import nearest
from simpgan.components.search.stored_gallery import GALLERY, Part, StoredDescription, StoredGallery, part_location
from simpgan.components.search.storing import PART_BYTES, encoded

IMAGES_OF_A_PERSON, CAMERAS, LATENT = 50, 6, 64
TOP, REPEATS, TOGETHER = 20, 7, 50


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument(
        "--out", default="", help="folder or s3:// prefix of the gallery; by default a temporary folder"
    )
    parser.add_argument("--faiss", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SIMPGAN_CACHE"] = f"{folder}/cache"
        print(f"{hardware()}; {given.images:,} images, features of {given.dimensions} numbers")
        location = given.out or f"{folder}/gallery"
        with measured("generate and store"):
            store(location, given.images, given.dimensions)
        gallery = StoredGallery.open(location)
        with measured("fetch into the cache, once per machine"):
            features = gallery.features
        rows = np.random.default_rng(1).choice(given.images, TOGETHER, replace=False)
        probes = np.array(features[rows])
        with measured("exact, first probe"):
            nearest(probes[:1], features, TOP)
        times(f"exact, one probe (median of {REPEATS})", lambda: nearest(probes[:1], features, TOP))
        with measured(f"exact, {TOGETHER} probes together"):
            nearest(probes, features, TOP)
        with measured("rows of 20 images"):
            gallery.part(np.sort(rows[:TOP]))
        if given.faiss:
            with measured("make and measure the index"):
                index = build_index(gallery, given.recall)
            print(index.description.model_dump_json(indent=2))
            times(f"faiss, one probe (median of {REPEATS})", lambda: index.nearest(probes[:1], features, TOP))
            with measured(f"faiss, {TOGETHER} probes together"):
                index.nearest(probes, features, TOP)


def store(location: str, count: int, dimensions: int) -> None:
    """Store generated features as `store_gallery` does."""
    generate = generator(count // IMAGES_OF_A_PERSON + 1, dimensions)
    per_part = PART_BYTES // (4 * dimensions)
    parts = []
    for start in range(0, count, per_part):
        numbers = np.arange(start, min(start + per_part, count))
        part = Part(name=f"{start:064x}", images=len(numbers))
        features = generate(numbers // IMAGES_OF_A_PERSON, start)
        storage.write_bytes(part_location(location, part.name), encoded(images(numbers), features))
        parts.append(part)
    description = StoredDescription(
        dataset="generated",
        manifest="",
        model="",
        precision="fp32",
        dimensions=dimensions,
        cameras=[],
        parts=parts,
    )
    storage.write_bytes(storage.join(location, GALLERY), description.encoded())


def images(numbers: NDArray[np.int64]) -> pd.DataFrame:
    """Rows of a manifest."""
    table = pd.DataFrame({"name": [f"{number:08}.jpg" for number in numbers]})
    table = table.assign(shard=f"{numbers[0]:032x}", position=range(len(numbers)), sha256=table["name"].str.zfill(64))
    table = table.assign(
        width=64, height=128, person=numbers // IMAGES_OF_A_PERSON, camera=numbers % CAMERAS, time=pd.NA
    )
    return Manifest("generated", table, empty_table(ROLE_COLUMNS)).images


def generator(people: int, dimensions: int) -> Callable[[NDArray[np.int64], int], NDArray[np.float32]]:
    """A function that returns features [n, dimensions] of length 1 of some people, given a seed."""
    random = np.random.default_rng(0)
    person = random.normal(size=(people, LATENT)).astype(np.float32)
    camera = random.normal(size=(CAMERAS, LATENT)).astype(np.float32) / 2
    network = random.normal(size=(LATENT, dimensions)).astype(np.float32) / np.float32(np.sqrt(LATENT))

    def generate(who: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
        own = np.random.default_rng((seed, 1))
        seen = own.normal(size=(len(who), LATENT), scale=0.4).astype(np.float32)
        seen += person[who] + camera[own.integers(CAMERAS, size=len(who))]
        features = np.maximum(seen @ network + 0.5, 0)
        return features / np.linalg.norm(features, axis=1, keepdims=True)

    return generate


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print how long a block takes, and how much memory it allocates at most."""
    before = allocated()
    peak, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], allocated())

    watching = threading.Thread(target=watch)
    watching.start()
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - started
        done.set()
        watching.join()
    print(f"{what}: {seconds:.3f} s, {peak[0] - before:.0f} MiB more memory", flush=True)


def times(what: str, search: Callable[[], object]) -> None:
    seconds = []
    with measured(f"{what}, all"):
        for _ in range(REPEATS):
            started = time.perf_counter()
            search()
            seconds.append(time.perf_counter() - started)
    print(f"{what}: {np.median(seconds):.4f} s", flush=True)


def allocated() -> float:
    """MiB that this process has allocated."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
