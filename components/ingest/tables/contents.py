"""The data set that a table describes, before an image is read."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.data.manifest_tables import NAMED, OBJECT_COLUMNS, update
from simpgan.components.ingest.contents import Contents
from simpgan.components.ingest.data_warnings import unmatched
from simpgan.components.ingest.layouts.table import Table
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.ingest.tables.doubts import note_unclear, people_in_both, repeated_pictures
from simpgan.components.ingest.tables.files import Files, files_of
from simpgan.components.ingest.tables.ids import with_ids
from simpgan.components.ingest.tables.opening import OpenTable, open_table
from simpgan.components.ingest.tables.places import ArchivePlaces
from simpgan.components.ingest.tables.reading import read_rows
from simpgan.components.ingest.tables.roles import refuse_gaps, roles_in, source_protocol
from simpgan.components.ingest.tables.rows import TableRows, collect, protocols_of


@contextmanager
def open_table_contents(location: str, settings: IngestSettings, layout: Table) -> Iterator[Contents]:
    """Read a table, and look for its files.

    Raises:
        UserError: there is no table, or its rows have no common form.
    """
    with open_table(location) as opened:
        rows = read_rows(opened.file, opened.name, settings.columns)
        table = collect(rows, opened.places.place, opened.name)
        yield contents_of_table(table, opened, layout)


def contents_of_table(table: TableRows, opened: OpenTable, layout: Table) -> Contents:
    """Return the contents of the data set that a table describes."""
    protocols = protocols_of(table, opened.name)
    refuse_gaps(table, protocols, opened.name)
    files = files_of(table, opened.places)
    listed = files.table[["name", "size", *NAMED, "time", "file"]]
    has_roles = bool(table.ids["role"].texts)
    note_unclear(table)

    def read(name: str) -> bytes:
        return opened.places.read(name, files.start)

    def roles(images: pd.DataFrame) -> pd.DataFrame:
        return roles_in(images, files.uses, table, protocols) if has_roles else layout.roles(images, read)

    def warnings(images: pd.DataFrame, roles: pd.DataFrame, digests: NDArray[np.uint8]) -> list[str]:
        measured = roles.loc[roles["role"] == "query", "protocol"].unique()
        told = [*table.remarks.sentences(), *repeated_pictures(images, digests), *people_in_both(images, roles)]
        return [*told, *unmatched(measured, images, roles)]

    return Contents(
        listed=listed,
        rejected=files.rejected,
        objects=objects_of(files),
        read=read,
        completed=lambda images: with_ids(images, table.ids),
        roles=roles,
        warnings=warnings,
        source_protocol=source_protocol(table, protocols) if has_roles else layout.source_protocol,
        folders=folders_of(opened, files),
        fingerprint=partial(fingerprint, opened, files),
    )


def objects_of(files: Files) -> pd.DataFrame:
    """Return the manifest's objects; empty for an archive, whose members have no versions."""
    table = files.table[list(OBJECT_COLUMNS)]
    return table[table["version"] != ""]


def fingerprint(opened: OpenTable, files: Files) -> str:
    """Return an identity of the table's content and of its files' names, sizes and versions."""
    if isinstance(opened.places, ArchivePlaces):
        return storage.fingerprint(opened.location)
    content = hashlib.sha256(storage.digest(opened.location).encode())
    update(content, objects_of(files))
    return content.hexdigest()


def folders_of(opened: OpenTable, files: Files) -> list[str]:
    """Return the folders on this machine that hold the files of a table, without the root of all."""
    if isinstance(opened.places, ArchivePlaces) or storage.is_s3(files.start):
        return []
    if files.start != "/":
        return [files.start]
    return sorted({f"/{name.partition('/')[0]}" for name in files.table["name"] if not name.startswith(storage.S3)})
