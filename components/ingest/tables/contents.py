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
from simpgan.components.ingest.tables.files import Files, files_of, only
from simpgan.components.ingest.tables.ids import with_ids
from simpgan.components.ingest.tables.opening import OpenTable, open_table
from simpgan.components.ingest.tables.places import ArchivePlaces
from simpgan.components.ingest.tables.reading import read_rows
from simpgan.components.ingest.tables.remarks import Remarks
from simpgan.components.ingest.tables.roles import refuse_gaps, roles_in, source_protocol
from simpgan.components.ingest.tables.rows import TableRows, collect, protocols_of


@contextmanager
def open_table_contents(location: str, settings: IngestSettings, layout: Table) -> Iterator[Contents]:
    """Read a table, and look for its files.

    Raises:
        UserError: there is no table, or its rows have no common form.
    """
    with open_table(location) as opened:
        remarks = Remarks()
        rows = read_rows(opened.file, opened.name, settings.columns, remarks)
        # No name is given to the rows, so that they are not kept when the files are known.
        yield contents_of_table(collect(rows, opened.places.place, opened.name, remarks), opened, layout)


def contents_of_table(table: TableRows, opened: OpenTable, layout: Table) -> Contents:
    """Return the contents of the data set that a table describes."""
    protocols = protocols_of(table, opened.name)
    has_roles = bool(table.ids["role"].texts)
    if has_roles:
        refuse_gaps(table, protocols, opened.name)
    files = files_of(table, opened.places)
    note_unclear(table)
    objects = objects_of(files)
    # The functions below live until the images are read: they name what they need, so that the rest is not kept.
    ids, remarks = table.ids, table.remarks
    read = partial(opened.places.read, start=files.start)
    labelled = ["name", "size", *NAMED, "time"]
    if has_roles:
        labelled.append("file")
        roles = partial(roles_in, uses=files.uses, words=ids["role"].texts, protocols=protocols)
        trained = source_protocol(table, protocols)
    else:
        roles = partial(layout.roles, read=read)
        trained = layout.source_protocol

    def warnings(images: pd.DataFrame, roles: pd.DataFrame, digests: NDArray[np.uint8]) -> list[str]:
        measured = roles.loc[roles["role"] == "query", "protocol"].unique()
        told = [*remarks.sentences(), *repeated_pictures(images, digests), *people_in_both(images, roles)]
        return [*told, *unmatched(measured, images, roles)]

    return Contents(
        listed=files.table[labelled],
        rejected=files.rejected,
        objects=objects,
        read=read,
        completed=partial(with_ids, ids=ids),
        roles=roles,
        warnings=warnings,
        unread=tuple(remarks.of_table),
        source_protocol=trained,
        folders=folders_of(opened, files),
        fingerprint=partial(fingerprint, opened, objects),
    )


def objects_of(files: Files) -> pd.DataFrame:
    """Return the manifest's objects; empty for an archive, whose members have no versions."""
    table = files.table[list(OBJECT_COLUMNS)]
    return only(table, (table["version"] != "").to_numpy(dtype=bool))


def fingerprint(opened: OpenTable, objects: pd.DataFrame) -> str:
    """Return an identity of the table's content and of its files' names, sizes and versions."""
    if isinstance(opened.places, ArchivePlaces):
        return storage.fingerprint(opened.location)
    content = hashlib.sha256(storage.digest(opened.location).encode())
    update(content, objects)
    return content.hexdigest()


def folders_of(opened: OpenTable, files: Files) -> list[str]:
    """Return the folders on this machine that hold the files of a table, without the root of all."""
    if isinstance(opened.places, ArchivePlaces) or storage.is_s3(files.start):
        return []
    if files.start != "/":
        return [files.start]
    return sorted({f"/{name.partition('/')[0]}" for name in files.table["name"] if not name.startswith(storage.S3)})
