"""The tables of a manifest, written and digested in blocks of rows, so that no large table is needed whole."""

import hashlib
import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from simpgan.components.core import storage

SCHEMA_VERSION = 3
TABLES = ("images", "roles", "rejected", "objects")
FILES = ("manifest.json", *(f"{name}.parquet" for name in TABLES))

IMAGE_COLUMNS = {
    "name": "str",
    "shard": "str",
    "position": "int64",
    "sha256": "str",
    "width": "int64",
    "height": "int64",
    "person": "Int64",
    "camera": "Int64",
    "time": "Int64",
    "person_name": "str",
    "camera_name": "str",
}
NAMED = ("person", "camera")
BLOCK = 2**14
"""Rows that are converted at a time."""
PLACE = ["shard", "position"]
ROLE_COLUMNS = {"image": "int64", "protocol": "str", "fold": "int64", "role": "str"}
REJECTED_COLUMNS = {"name": "str", "reason": "str"}
OBJECT_COLUMNS = {"name": "str", "size": "int64", "version": "str"}


@dataclass(frozen=True)
class Contained:
    """What a manifest's tables contain.

    Attributes:
        digest: as `ManifestTables.digest`.
        files_digest: as `ManifestTables.files_digest`.
        rows: number of rows of each table.
        people: number of people.
        cameras: number of cameras.
        folds: number of folds of each protocol.
    """

    digest: str
    files_digest: str
    rows: Mapping[str, int]
    people: int
    cameras: int
    folds: Mapping[str, int]


class ManifestTables(ABC):
    """A data set as a manifest says it: a few facts, and tables in blocks of rows.

    Attributes:
        dataset: name in the results.
        source_protocol: protocol whose train role, at fold 0, a classifier is trained on.
        warnings: unusual findings of ingest, one sentence each.
        parts: names of the data sets that were joined to this one.
    """

    dataset: str
    source_protocol: str
    warnings: tuple[str, ...]
    parts: tuple[str, ...]

    @abstractmethod
    def blocks(self, table: str) -> Iterator[pd.DataFrame]:
        """Yield one of `TABLES` in blocks of at most `BLOCK` rows, with its columns; a table without rows is one."""

    @cached_property
    def contained(self) -> Contained:
        """Return what the tables contain.

        Raises:
            ValueError: images are not sorted by name, or names are not unique.
        """
        content = hashlib.sha256(f"{SCHEMA_VERSION}\n{self.dataset}\n{self.source_protocol}\n".encode())
        files = hashlib.sha256()
        rows = dict.fromkeys(TABLES, 0)
        people: set[int] = set()
        cameras: set[int] = set()
        splits: set[tuple[str, int]] = set()
        last = None
        for name in TABLES:
            for block in self.blocks(name):
                header = rows[name] == 0
                text = as_text(block, header=header)
                files.update(text)
                if name == "images":
                    refuse_unsorted(block["name"], last)
                    last = block["name"].iloc[-1] if len(block) else last
                    people.update(block["person"].dropna().unique())
                    cameras.update(block["camera"].dropna().unique())
                    content.update(as_text(block.drop(columns=PLACE), header=header))
                elif name != "objects":
                    content.update(text)
                if name == "roles":
                    splits.update(block[["protocol", "fold"]].drop_duplicates().itertuples(index=False, name=None))
                rows[name] += len(block)
        folds: dict[str, int] = {}
        for protocol, _ in sorted(splits):
            folds[protocol] = folds.get(protocol, 0) + 1
        return Contained(content.hexdigest(), files.hexdigest(), rows, len(people), len(cameras), folds)

    @property
    def digest(self) -> str:
        """Return the sha256 (hex) of what the data set is: names, bytes, labels, roles, rejected files.

        Places of bytes and reading times are not part of it. The same images are the same data set, however they are
        split into shards, so a stage that has seen them need not run again.
        """
        return self.contained.digest

    @property
    def files_digest(self) -> str:
        """Return the sha256 (hex) of all tables, by which damage is found."""
        return self.contained.files_digest

    def save(self, folder: str | Path) -> bool:
        """Write the manifest into `folder`; its manifest.json is written last and completes it.

        Returns:
            False if the same manifest is there already: then nothing is written.

        Raises:
            UserError: `folder` cannot be written.
        """
        found = self.contained
        summary = {
            "schema": SCHEMA_VERSION,
            "dataset": self.dataset,
            "source_protocol": self.source_protocol,
            "digest": found.digest,
            "files": found.files_digest,
            "images": found.rows["images"],
            "people": found.people,
            "rejected": found.rows["rejected"],
            "folds": dict(found.folds),
            "warnings": list(self.warnings),
            **({"parts": list(self.parts)} if self.parts else {}),
        }
        content = (json.dumps(summary, indent=2) + "\n").encode()
        location = str(Path(folder) / "manifest.json")
        if storage.exists(location):
            if storage.read_bytes(location) == content:
                return False
            Path(location).unlink()
        for name in TABLES:
            write_table(str(Path(folder) / f"{name}.parquet"), self.blocks(name))
        storage.write_bytes(location, content)
        return True


def write_table(location: str, blocks: Iterator[pd.DataFrame]) -> None:
    """Write the blocks of a table as the row groups of a Parquet file."""
    tables = (pa.Table.from_pandas(block, preserve_index=False) for block in blocks)
    first = next(tables)
    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, first.schema) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)
        storage.write_file(location, file)


def in_blocks(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield a table in blocks of `BLOCK` rows; at least one."""
    for start in range(0, max(len(table), 1), BLOCK):
        yield table.iloc[start : start + BLOCK]


def as_text(block: pd.DataFrame, *, header: bool) -> bytes:
    """Return rows as text that is the same on every machine."""
    return block.to_csv(index=False, header=header, lineterminator="\n").encode("utf-8", "surrogateescape")


def update(content: "hashlib._Hash", table: pd.DataFrame) -> None:
    """Update a digest with a table."""
    for number, block in enumerate(in_blocks(table)):
        content.update(as_text(block, header=number == 0))


def refuse_unsorted(names: "pd.Series[str]", before: str | None) -> None:
    """Raise ValueError unless names rise, from the one before them."""
    risen = before is None or names.empty or before < names.iloc[0]
    if not (risen and names.is_monotonic_increasing and names.is_unique):
        raise ValueError("images must be sorted by name, and names must be unique")


def empty_table(columns: dict[str, str]) -> pd.DataFrame:
    """Return a table of `columns` without rows."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})


def with_names(images: pd.DataFrame) -> pd.DataFrame:
    """Return images with the columns of names, empty where there are none."""
    columns = [f"{label}_name" for label in NAMED]
    return images.assign(**{name: images[name].fillna("") if name in images else "" for name in columns})


def refuse_mixed_names(images: pd.DataFrame, label: str) -> None:
    """Raise ValueError unless each named `person` or `camera` has one number and each number at most one name."""
    name = f"{label}_name"
    pairs = images[[label, name]].drop_duplicates()
    named = pairs[pairs[name] != ""]
    if pairs[label].duplicated().any() or named[name].duplicated().any() or named[label].isna().any():
        raise ValueError(f"each {label} must have one number and at most one name")


def with_columns(table: pd.DataFrame, columns: dict[str, str], title: str) -> pd.DataFrame:
    """Return `table` with exactly `columns` in their order and types, numbered from 0.

    Raises:
        ValueError: a column is missing.
    """
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(f"{title} has no column {', '.join(missing)}")
    return table[list(columns)].astype(columns).reset_index(drop=True)
