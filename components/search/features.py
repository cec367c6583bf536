"""Features of a manifest's images, computed once and kept in a file that searches map into memory."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.extraction import PreparedImages
from simpgan.components.core.models.joined import JoinedInference
from simpgan.components.core.process.progress import Progress

BATCH = 64
FORMAT = "3"
"""Version of the cached files; earlier versions computed them in another way."""


def cached_features(
    model: Sequence[str],
    load: Callable[[], JoinedInference],
    dimensions: int,
    images: PreparedImages,
    rows: NDArray[np.int64],
    precision: str,
) -> NDArray[np.float32]:
    """Return features [len(rows), D] of length 1, mapped from the cache; compute them first if they are missing.

    Args:
        model: digests that identify the classifiers and the preparation of images.
        load: loads the classifiers, in that precision; called only if the features have to be computed.
        dimensions: D.
        images: images of the manifest.
        rows: rows of the manifest.
        precision: wanted precision, of `Inference`.
    """
    path = features_path(model, images.manifest, rows, precision)
    shape = (len(rows), dimensions)
    kept = map_features(path, shape)
    if kept is not None:
        return kept
    path.parent.mkdir(parents=True, exist_ok=True)
    with storage.beside(path) as partial:
        extract_to(partial, shape, load(), images, rows)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def features_path(model: Sequence[str], manifest: Manifest, rows: NDArray[np.int64], precision: str) -> Path:
    """Return the file in the cache for the features of a manifest's rows, with arguments as for `cached_features`."""
    made_from = [*model, precision, manifest.digest, hashlib.sha256(rows.tobytes()).hexdigest()]
    return cache_path("features", made_from, "npy")


def cache_path(what: str, made_from: Sequence[str], suffix: str) -> Path:
    """Return the file in the cache for something that was made from exactly `made_from`."""
    digest = hashlib.sha256(" ".join([FORMAT, *made_from]).encode()).hexdigest()
    return storage.cache_folder() / what / f"{digest}.{suffix}"


def extract_to(
    path: Path, shape: tuple[int, int], looking: JoinedInference, images: PreparedImages, rows: NDArray[np.int64]
) -> None:
    """Write features to a new file, one batch at a time."""
    made = open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    with Progress(f"features {images.manifest.dataset}", len(rows) * len(looking.members), "image") as bar:
        looking.extract_into(made, images, rows, BATCH, bar)
    made.flush()


def map_features(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Map the features in a file into memory; None if there is no whole file of that shape."""
    try:
        kept = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return kept if kept.shape == shape and kept.dtype == np.float32 else None
