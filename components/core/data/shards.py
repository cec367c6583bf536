"""Shards: unchanged encoded images in Parquet files that are named by their content and never change."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import IO, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.damaged_files import named_damage
from simpgan.components.core.data.manifest import Manifest

SHARD_BYTES = 128 * 2**20
ROWS_PER_GROUP = 64  # A reader of one image decodes one group: a quarter of a MiB of pedestrian crops.
WINDOW_BYTES = 128 * 2**20
DIGEST_BYTES = 32

SCHEMA = pa.schema(
    [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))],
    # Hugging Face datasets reads the column as its Image feature because of this.
    metadata={"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})},
)


@dataclass(frozen=True, eq=False)
class WrittenShards:
    """The places of written images, in the order in which they came.

    Attributes:
        shards: names of the shards, and the numbers of images in them.
        digests: uint8 [N, 32], sha256 of each image.
        written: names of the new shards.
        present: names of the shards that existed before.
    """

    shards: Sequence[tuple[str, int]]
    digests: NDArray[np.uint8]
    written: tuple[str, ...]
    present: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """Return the places of all images, as `places` does."""
        return self.places(0, len(self.digests))

    def places(self, start: int, stop: int) -> pd.DataFrame:
        """Return the manifest's columns shard, position and sha256 of the images from `start` to before `stop`."""
        stop = min(stop, len(self.digests))
        names = [name for name, _ in self.shards]
        ends = np.cumsum([size for _, size in self.shards], dtype=np.int64)
        images = np.arange(start, stop)
        shard = np.searchsorted(ends, images, side="right")
        table = pd.DataFrame(
            {
                "shard": pd.array([names[each] for each in shard], dtype="str"),
                "position": images - (ends - [size for _, size in self.shards])[shard],
                "sha256": pd.array([digest.tobytes().hex() for digest in self.digests[start:stop]], dtype="str"),
            }
        )
        return table.astype({"position": "int64"})


def shard_location(data_root: str, shard: str) -> str:
    """Return the file of a shard."""
    return storage.join(data_root, "shards", f"{shard}.parquet")


def write_shards(
    data_root: str, items: Iterable[tuple[str, bytes]], *, shard_bytes: int = SHARD_BYTES
) -> WrittenShards:
    """Store (name, encoded image) pairs in their order, in shards that each end with the image that fills them.

    A shard grows in a temporary file, so that few images are in memory. One that exists is not written again. Each
    shard appears whole or not at all.

    Args:
        data_root: folder or `s3://` prefix for the shards.
        items: the pairs.
        shard_bytes: bytes of images that fill a shard.

    Raises:
        UserError: `data_root` cannot be written.
    """
    waiting = iter(items)
    shards: list[tuple[str, int]] = []
    written, present = [], []
    digests = bytearray()
    while (first := next(waiting, None)) is not None:
        with tempfile.TemporaryFile() as file, NewShard(file) as shard:
            for name, image in chain([first], waiting):
                shard.add(name, image)
                if shard.bytes >= shard_bytes:
                    break
            shard.finish()
            location = shard_location(data_root, shard.name)
            if storage.exists(location):
                present.append(shard.name)
            else:
                storage.write_file(location, file)
                written.append(shard.name)
            shards.append((shard.name, shard.images))
            digests += shard.digests
    return WrittenShards(
        shards, np.frombuffer(digests, dtype=np.uint8).reshape(-1, DIGEST_BYTES), tuple(written), tuple(present)
    )


class NewShard:
    """A shard that grows in a file.

    Args:
        file: the file, open for writing.

    Attributes:
        images: number of images so far.
        bytes: bytes of these images.
        digests: sha256 of each image, one after the other.
    """

    def __init__(self, file: IO[bytes]) -> None:
        # The images are compressed already, and statistics of their bytes would be of no use.
        self._writer = pq.ParquetWriter(file, SCHEMA, compression="none", use_dictionary=False, write_statistics=False)
        self._lines = hashlib.sha256()
        self._group: list[tuple[str, bytes]] = []
        self.images = 0
        self.bytes = 0
        self.digests = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    @property
    def name(self) -> str:
        """Return the name by its content: the images and their names in their order."""
        return self._lines.hexdigest()[:32]

    def add(self, name: str, image: bytes) -> None:
        """Append an image."""
        digest = hashlib.sha256(image)
        self._lines.update(f"{digest.hexdigest()} {name}\n".encode())
        self.digests += digest.digest()
        self.images += 1
        self.bytes += len(image)
        self._group.append((name, image))
        if len(self._group) == ROWS_PER_GROUP:
            self._write_group()

    def finish(self) -> None:
        """Complete the file."""
        if self._group:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        column = pa.StructArray.from_arrays(
            [
                pa.array([image for _, image in self._group], pa.binary()),
                pa.array([name for name, _ in self._group], pa.string()),
            ],
            names=["bytes", "path"],
        )
        self._writer.write_table(pa.table({"image": column}, schema=SCHEMA))
        self._group = []


def shards_exist(data_root: str, manifest: Manifest) -> bool:
    """Tell whether every shard of the manifest is under the data root."""
    return all(storage.exists(shard_location(data_root, shard)) for shard in manifest.images["shard"].unique())


def read_images(data_root: str, manifest: Manifest, rows: Sequence[int] | np.ndarray) -> Iterator[bytes]:
    """Yield the encoded images of `rows` of the manifest, in that order; a row may occur twice.

    Reads windows of about 128 MiB, each row group of a window once, so a random order costs little more than a
    sequential one. Shards on S3 are downloaded once, into the local cache. Every image is compared with its sha256 in
    the manifest.

    Raises:
        UserError: a shard is not under `data_root`, or is truncated or changed.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if len(rows) == 0:
        return
    shards = manifest.images["shard"].to_numpy(dtype=object)[rows]
    positions = manifest.images["position"].to_numpy()[rows]
    digests = manifest.images["sha256"].to_numpy(dtype=object)[rows]
    window = _images_in(WINDOW_BYTES, data_root, shards[0])
    for start in range(0, len(rows), window):
        part = slice(start, start + window)
        yield from _read_window(data_root, shards[part], positions[part], digests[part])


@contextmanager
def _open(data_root: str, shard: str) -> Iterator[pq.ParquetFile]:
    """Open the file of a shard; damage found in this block is named."""
    location = shard_location(data_root, shard)
    path = storage.local_copy(location)
    what, remedy = str(path), "delete it, and ingest or translate again to store its images"
    if str(path) != location:
        what, remedy = f"{path}, the copy of {location},", f"delete the copy; if that one is damaged too, {remedy}"
    with named_damage(what, remedy), pq.ParquetFile(path, memory_map=True) as file:
        yield file


def _images_in(size: int, data_root: str, shard: str) -> int:
    """Return how many images of the shard's mean size fit in `size` bytes; at least one."""
    with _open(data_root, shard) as file:
        groups = [file.metadata.row_group(index) for index in range(file.num_row_groups)]
        mean = sum(group.total_byte_size for group in groups) / file.metadata.num_rows
    return max(1, int(size / mean))


def _read_window(data_root: str, shards: np.ndarray, positions: np.ndarray, digests: np.ndarray) -> list[bytes]:
    images: list[bytes] = [b""] * len(shards)
    for shard in pd.unique(shards):
        wanted = np.flatnonzero(shards == shard)
        with _open(data_root, shard) as file:
            sizes = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
            ends = np.cumsum(sizes)
            group_of = np.searchsorted(ends, positions[wanted], side="right")
            for group in np.unique(group_of):
                encoded = file.read_row_group(group, columns=["image.bytes"])["image"].combine_chunks().field("bytes")
                first = ends[group] - sizes[group]
                for place in wanted[group_of == group]:
                    images[place] = encoded[positions[place] - first].as_py()
                    if hashlib.sha256(images[place]).hexdigest() != digests[place]:
                        raise ValueError(f"the bytes of its image {positions[place]} have changed")
    return images
