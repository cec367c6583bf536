"""Files at a location with their current versions, and those that a data set lacks."""

import os
import re

import pandas as pd

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import OBJECT_COLUMNS, with_columns

ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def objects_at(location: str) -> pd.DataFrame:
    """List the files below a folder or `s3://` prefix: name, size and version, sorted by name.

    Hidden files and leftovers are skipped.

    Raises:
        UserError: there is no such folder or bucket, or it cannot be read.
    """
    rows = [(name_of(file.path, location), file.size, file.version) for file in storage.list_files(location)]
    table = pd.DataFrame(rows, columns=list(OBJECT_COLUMNS))
    return with_columns(table.sort_values("name"), OBJECT_COLUMNS, "objects")


def new_objects(there: pd.DataFrame, known: Manifest) -> pd.DataFrame:
    """Return the objects that the data set was not made from: those with another name, version or size."""
    marked = there.merge(known.objects, how="left", on=list(OBJECT_COLUMNS), indicator="origin")
    return there[(marked["origin"] == "left_only").to_numpy()].reset_index(drop=True)


def name_of(path: str, location: str) -> str:
    """Name a file by its path below `location`, the same in every locale. `path_of` is the inverse."""
    return as_name(path.encode() if storage.is_s3(location) else os.fsencode(path))


def path_of(name: str, location: str) -> str:
    """Return the path below `location` of the file that `name_of` gave this name."""
    path = as_bytes(name)
    return path.decode() if storage.is_s3(location) else os.fsdecode(path)


def as_name(path: bytes) -> str:
    r"""Convert a path to text: UTF-8, with each byte that is not UTF-8 as `\xfc`. `as_bytes` is the inverse.

    A backslash that would look like such a byte becomes `\x5c`, so different paths have different names.
    """
    return ESCAPED.sub(rb"\\x5cx\1", path).decode("utf-8", "backslashreplace")


def as_bytes(name: str) -> bytes:
    """Return the path that `as_name` gave this name."""
    return ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), name.encode())
