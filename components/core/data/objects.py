"""The files at a location as objects, each with the version that it has now, and which of them a data set lacks."""

import pandas as pd

from components.core.data.manifest import OBJECT_COLUMNS, Manifest, typed
from components.core.runtime import storage

IGNORED = {"thumbs.db", "desktop.ini", "__macosx"}


def objects_at(location: str) -> pd.DataFrame:
    """Name, size and version of every file below a folder or `s3://` prefix that is not hidden, sorted by name.

    Raises:
        UserError: there is no such folder or bucket, or it cannot be read.
    """
    files = [file for file in storage.list_files(location) if not is_hidden(file.path)]
    rows = [(printable(file.path), file.size, file.version) for file in files]
    table = pd.DataFrame(rows, columns=list(OBJECT_COLUMNS))
    return typed(table.sort_values("name"), OBJECT_COLUMNS, "objects")


def new_objects(there: pd.DataFrame, known: Manifest) -> pd.DataFrame:
    """Those of the objects that the data set was not made from: of another name, or of another version or size."""
    marked = there.merge(known.objects, how="left", on=list(OBJECT_COLUMNS), indicator="origin")
    return there[(marked["origin"] == "left_only").to_numpy()].reset_index(drop=True)


def is_hidden(path: str) -> bool:
    """Whether a file, or a folder that it is in, is what file managers leave behind."""
    return any(part.startswith(".") or part.lower() in IGNORED for part in path.split("/"))


def printable(name: str) -> str:
    """A file name that may hold bytes that are no text, as text."""
    return name.encode("utf-8", "backslashreplace").decode()
