"""A gallery whose features lie in Parquet files, in a folder or under an `s3://` prefix, for searches on any machine.

    gallery.json                what it was made from, and its parts in the order of their rows
    parts/<digest>.parquet      a row per image: the columns of the manifest's images, and `feature`

A part is named by what it was made from and never changes. The images themselves stay in their shards.

A machine that searches reads every part once, one at a time, and writes what it needs into its cache: the features as
numbers, and the images' rows as an Arrow file. Both are mapped, so memory does not grow with the gallery.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray
from pydantic import Field

from simpgan.components.core import storage
from simpgan.components.core.damaged_files import named_damage, read_json
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import ROLE_COLUMNS, empty_table
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.progress import Progress
from simpgan.components.core.registry.adaptation import Adaptation
from simpgan.components.core.settings import Settings
from simpgan.components.search.features import map_features

SCHEMA = 1
GALLERY = "gallery.json"
FEATURE = "feature"
REMEDY = "store the gallery again"


class Part(Settings):
    """A Parquet file with some of the rows."""

    name: str = Field(pattern="^[0-9a-f]{64}$", description="Digest of what it was made from, which names its file.")
    images: int = Field(ge=1, description="Number of its rows.")


class StoredDescription(Settings):
    """The content of gallery.json."""

    dataset: str = Field(description="Name of the data set.")
    manifest: str = Field(description="Digest of its manifest.")
    model: str = Field(description="Content of the adaptation that computed the features, as in its description.")
    precision: str = Field(description="Precision in which they were computed.")
    dimensions: int = Field(ge=1, description="D, the length of a feature.")
    cameras: list[str] = Field(description="Names of the cameras.")
    parts: list[Part] = Field(min_length=1, description="The files, in the order of the rows.")

    def encoded(self) -> bytes:
        """Return the description as it is written."""
        return (json.dumps({"schema": SCHEMA, **self.model_dump()}, indent=2) + "\n").encode()


@dataclass(frozen=True, eq=False)
class StoredGallery:
    """Images and features that `store_gallery` has written.

    Attributes:
        location: folder or `s3://` prefix.
        description: the content of its gallery.json.
    """

    location: str
    description: StoredDescription

    @classmethod
    def open(cls, location: str) -> Self:
        """Read the description of a stored gallery.

        Raises:
            UserError: there is none, or it is damaged.
        """
        path = storage.join(location, GALLERY)
        if not storage.exists(path):
            raise UserError(f"no stored gallery in '{location}': it has no {GALLERY}; store one with simpgan gallery")
        said = read_json(path, REMEDY)
        with named_damage(path, REMEDY):
            if said.pop("schema") != SCHEMA:
                raise ValueError("another schema")
            return cls(location, StoredDescription.model_validate(said))

    def refuse_other_model(self, adaptation: Adaptation) -> None:
        """Raise UserError unless this model computed the features."""
        if self.description.model != adaptation.description.content:
            raise UserError(
                f"the gallery '{self.location}' was stored for another model, whose features are compared with its own "
                "only: store it again with simpgan gallery for this one"
            )

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.description.dataset

    @cached_property
    def digest(self) -> str:
        """Text that changes with the images and with the model."""
        return hashlib.sha256(self.description.encoded()).hexdigest()

    @property
    def cameras(self) -> set[str]:
        """Names of the cameras."""
        return set(self.description.cameras)

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """Features [N, D] of length 1, mapped from this machine's cache; fetched first if it has none."""
        path = self.local_folder / "features.npy"
        kept = map_features(path, (len(self), self.description.dimensions))
        if kept is None:
            raise UserError(f"{path} is damaged: delete the folder {path.parent}, and it is fetched again")
        return kept

    def __len__(self) -> int:
        return sum(part.images for part in self.description.parts)

    def part(self, rows: NDArray[np.int64]) -> Manifest:
        """Return the images of some rising rows as a manifest without roles."""
        path = self.local_folder / "images.arrow"
        with named_damage(path, f"delete the folder {path.parent}, and it is fetched again"):
            with pa.memory_map(str(path)) as file:
                images = pa.ipc.open_file(file).read_all().take(rows).to_pandas()
            return Manifest(self.dataset, images, empty_table(ROLE_COLUMNS))

    def forget(self) -> None:
        """Delete what the cache has of it."""
        shutil.rmtree(self.local_folder, ignore_errors=True)

    def blocks(self) -> Iterator[tuple[pa.Table, NDArray[np.float32]]]:
        """Read the parts one after the other: the rows of images, and their features [n, D].

        Raises:
            UserError: a part is missing or damaged.
        """
        for part in self.description.parts:
            yield self.read_part(part)

    def read_part(self, part: Part) -> tuple[pa.Table, NDArray[np.float32]]:
        """Read a part: its rows of images, and their features [n, D].

        Raises:
            UserError: it is missing or damaged.
        """
        location = part_location(self.location, part.name)
        content = storage.read_bytes(location)
        with named_damage(location, f"delete it, and {REMEDY}"):
            table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
            features = table[FEATURE].combine_chunks().flatten().to_numpy()
            features = features.reshape(part.images, self.description.dimensions)
        return table.drop_columns(FEATURE), features

    @cached_property
    def local_folder(self) -> Path:
        """Folder in the cache with what searches map into memory; made first if it is missing.

        Raises:
            UserError: a part is missing or damaged.
        """
        folder = storage.cache_folder() / "galleries" / self.digest
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                with storage.beside(folder) as partial:
                    partial.mkdir()
                    self.fetch_to(partial)
            except OSError:
                if not folder.is_dir():  # else another process was faster
                    raise
        return folder

    def fetch_to(self, folder: Path) -> None:
        """Write the features and the images' rows into files that can be mapped, one part at a time."""
        shape = (len(self), self.description.dimensions)
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
        writer = None
        with (folder / "features.npy").open("wb") as file, Progress(f"fetch {self.dataset}", len(self), "image") as bar:
            write_array_header_1_0(file, header)
            try:
                for images, features in self.blocks():
                    writer = writer or pa.ipc.new_file(str(folder / "images.arrow"), images.schema)
                    writer.write_table(images)
                    # Written, not mapped: a full disk is an error here, and not a signal that ends the process.
                    file.write(np.ascontiguousarray(features, np.float32).data)
                    bar.update(len(features))
            finally:
                if writer:
                    writer.close()


def part_location(location: str, name: str) -> str:
    """Return the file of a part."""
    return storage.join(location, "parts", f"{name}.parquet")
