"""Shards: unchanged encoded images in Parquet files that are named by their content and never change."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from simpgan.components.core import storage
from simpgan.components.core.damaged_files import named_damage
from simpgan.components.core.data.manifest import Manifest

SHARD_BYTES = 128 * 2**20
ROWS_PER_GROUP = 64  # A reader of one image decodes one group: a quarter of a MiB of pedestrian crops.
WINDOW_BYTES = 128 * 2**20

SCHEMA = pa.schema(
    [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))],
    # Hugging Face datasets reads the column as its Image feature because of this.
    metadata={"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})},
)


@dataclass(frozen=True, eq=False)
class WrittenShards:
    """The places of written images.

    Args:
        table: name, shard, position, sha256; one row per image, in the order in which they came.
        written: names of the new shards.
        present: names of the shards that existed before.
    """

    table: pd.DataFrame
    written: tuple[str, ...]
    present: tuple[str, ...]


def shard_location(data_root: str, shard: str) -> str:
    """Return the file of a shard."""
    return storage.join(data_root, "shards", f"{shard}.parquet")


def write_shards(
    data_root: str, items: Iterable[tuple[str, bytes]], *, shard_bytes: int = SHARD_BYTES
) -> WrittenShards:
    """Store (name, encoded image) pairs in their order, holding about `shard_bytes` of them in memory.

    An existing shard is not written again. Each shard appears whole or not at all.

    Raises:
        UserError: `data_root` cannot be written.
    """
    tables = [places_in("", [], [])]
    written, present = [], []
    for names, images in _batches(items, shard_bytes):
        hashes = [hashlib.sha256(image).hexdigest() for image in images]
        lines = "".join(f"{digest} {name}\n" for digest, name in zip(hashes, names, strict=True))
        shard = hashlib.sha256(lines.encode()).hexdigest()[:32]
        tables.append(places_in(shard, names, hashes))
        location = shard_location(data_root, shard)
        if storage.exists(location):
            present.append(shard)
        else:
            storage.write_bytes(location, _encode(names, images))
            written.append(shard)
    return WrittenShards(pd.concat(tables, ignore_index=True), tuple(written), tuple(present))


def places_in(shard: str, names: list[str], hashes: list[str]) -> pd.DataFrame:
    """Return the table of a shard's images, as in `WrittenShards`; text in compact columns, since it is kept."""
    table = pd.DataFrame({"name": names, "shard": shard, "position": range(len(names)), "sha256": hashes})
    return table.astype({"name": "str", "shard": "str", "position": "int64", "sha256": "str"})


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


def _batches(items: Iterable[tuple[str, bytes]], shard_bytes: int) -> Iterator[tuple[list[str], list[bytes]]]:
    """Yield consecutive items in lists, each ended by the image that reaches `shard_bytes`."""
    names: list[str] = []
    images: list[bytes] = []
    size = 0
    for name, image in items:
        names.append(name)
        images.append(image)
        size += len(image)
        if size >= shard_bytes:
            yield names, images
            names, images, size = [], [], 0
    if names:
        yield names, images


def _encode(names: list[str], images: list[bytes]) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    # The images are compressed already, and statistics of their bytes would be of no use.
    with pq.ParquetWriter(sink, SCHEMA, compression="none", use_dictionary=False, write_statistics=False) as writer:
        for start in range(0, len(names), ROWS_PER_GROUP):
            part = slice(start, start + ROWS_PER_GROUP)
            column = pa.StructArray.from_arrays(
                [pa.array(images[part], pa.binary()), pa.array(names[part], pa.string())],
                names=["bytes", "path"],
            )
            writer.write_table(pa.table({"image": column}, schema=SCHEMA))
    return sink.getvalue()


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
