"""Where the files are that a table names: in folders of this machine, in object stores, or in the table's archive."""

import os
import posixpath
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import islice, takewhile

import pandas as pd

from simpgan.components.core import storage
from simpgan.components.core.data.object_versions import as_name, name_of, path_of
from simpgan.components.core.errors import UserError
from simpgan.components.ingest.file_source import FileSource, Gone, inside
from simpgan.components.ingest.tables.reading import BLOCK

NOT_THERE = "there is no such file"
ANOTHER_MACHINES = "a path on one machine, and the table is in an object store"


class Unplaced(ValueError):
    """The reason why a path of a table leads to no file."""


class Places(ABC):
    """Finds the files of a table.

    A *place* is a file's full path, `s3://` location, or name in an archive.
    """

    @abstractmethod
    def place(self, path: str) -> str:
        """Return the place of a path as the table has it.

        Raises:
            Unplaced: it can be no place.
        """

    @abstractmethod
    def start(self, places: "pd.Series[str]") -> str:
        """Return the folder that holds all of some places, as the beginning of them; names are what follows."""

    @abstractmethod
    def name(self, below: str, start: str) -> str:
        """Return the name in the manifest of a path below a folder."""

    @abstractmethod
    def status(self, places: "pd.Series[str]") -> pd.DataFrame:
        """Return the size (bytes) and version of each place, and the `reason` if it is no file that can be read."""

    @abstractmethod
    def read(self, name: str, start: str) -> bytes:
        """Return the content of a file by its name below a folder, from any thread.

        Raises:
            UnreadFile: it is no longer there, or an archive is damaged.
        """


class StoredPlaces(Places):
    """Files of this machine and of object stores.

    Args:
        folder: full path or `s3://` location of the table's folder.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder.rstrip("/") or "/"

    def place(self, path: str) -> str:
        """Return the place of a path: relative to the table, full, or `s3://`.

        Only a table on this machine may name full paths and files of other folders. A table in an object store may not:
        its writer must not choose files of this machine.
        """
        if path.startswith(storage.S3):
            bucket, _, key = path.removeprefix(storage.S3).partition("/")
            if not bucket or not key or key.endswith("/") or ".." in key.split("/"):
                raise Unplaced("no object of a bucket")
            return path
        if storage.has_scheme(path):
            raise Unplaced("no path and no s3:// location")
        if "\0" in path:
            raise Unplaced("no path")
        if not storage.is_s3(self.folder):
            return posixpath.normpath(posixpath.join(self.folder, path))
        if path.startswith("/"):
            raise Unplaced(ANOTHER_MACHINES)
        bucket, _, prefix = self.folder.removeprefix(storage.S3).partition("/")
        key = posixpath.normpath(posixpath.join(prefix, path))
        if key.startswith(".."):
            raise Unplaced("climbs out of the bucket")
        return f"{storage.S3}{bucket}/{key}"

    def start(self, places: "pd.Series[str]") -> str:
        """Return the table's folder if it holds all files, else the folder that they have in common."""
        own = f"{self.folder.rstrip('/')}/"
        if places.empty:
            return own
        first, last = str(places.min()), str(places.max())
        if first.startswith(own) and last.startswith(own):
            return own
        return common_start(first, last)

    def name(self, below: str, start: str) -> str:
        """Return the name of a path below a folder, as of every file that is listed."""
        return name_of(below, start)

    def status(self, places: "pd.Series[str]") -> pd.DataFrame:
        """Return size, version and reason of each place."""
        in_stores = places.str.startswith(storage.S3)
        if not in_stores.any():
            return status_on_disk(places)
        tables = [status_in_stores(places[in_stores]), status_on_disk(places[~in_stores])]
        return pd.concat(tables).reindex(places.index)

    def read(self, name: str, start: str) -> bytes:
        """Return the content of a file. A name may be an `s3://` location itself."""
        place = name if name.startswith(storage.S3) else start + path_of(name, start)
        try:
            return storage.read_bytes(place)
        except UserError:
            if storage.exists(place):
                raise
            raise Gone(place, self.folder) from None


class ArchivePlaces(Places):
    """Files of the archive that the table is in; places are their names.

    Args:
        files: files of the archive.
        folder: folder of the table in it, empty or ending in /.
    """

    def __init__(self, files: FileSource, folder: str) -> None:
        self.files, self.folder = files, folder

    def place(self, path: str) -> str:
        """Return the name of a path relative to the table."""
        if storage.has_scheme(path):
            raise Unplaced("no path in the archive")
        name = inside(posixpath.normpath(posixpath.join(self.folder, path)))
        if not name:
            raise Unplaced("climbs out of the archive's folder")
        return as_name(os.fsencode(name))

    def start(self, places: "pd.Series[str]") -> str:
        """Return the root of the archive."""
        return ""

    def name(self, below: str, start: str) -> str:
        """Return the name of a member."""
        return below

    def status(self, places: "pd.Series[str]") -> pd.DataFrame:
        """Return size, version and reason of each place."""
        rows = [
            (
                self.files.sizes.get(name, 0),
                "",
                "" if name in self.files.sizes else self.files.refused.get(name, NOT_THERE),
            )
            for name in places
        ]
        return status_table(rows, places.index)

    def read(self, name: str, start: str) -> bytes:
        """Return the content of a member."""
        return self.files.read(name)


def status_on_disk(places: "pd.Series[str]") -> pd.DataFrame:
    """Return size, version and reason of files on this machine."""
    return status_table((status_of_file(place) for place in places), places.index)


def status_of_file(place: str) -> tuple[int, str, str]:
    """Return size, version and reason of a file on this machine."""
    try:
        found = os.stat(place)
    except (FileNotFoundError, NotADirectoryError):
        return 0, "", f"{NOT_THERE}; between folders write /" if "\\" in place else NOT_THERE
    except OSError as failure:
        return 0, "", failure.strerror or "cannot be read"
    if not stat.S_ISREG(found.st_mode):
        return 0, "", "not a file"
    return found.st_size, str(found.st_mtime_ns), ""


def status_in_stores(places: "pd.Series[str]") -> pd.DataFrame:
    """Return size, version and reason of objects, from one listing of each bucket below what its objects share."""
    buckets = places.str.split("/", n=3).str[2]
    tables = [status_table([], places.index[:0])]
    for _, some in places.groupby(buckets.to_numpy(), sort=True):
        first, last = str(some.min()), str(some.max())
        start = common_start(first, last)
        there = {file.path: file for file in storage.list_files(start.rstrip("/"), hidden=True)}
        found = [there.get(place.removeprefix(start)) for place in some]
        rows = [(file.size, file.version, "") if file else (0, "", NOT_THERE) for file in found]
        tables.append(status_table(rows, some.index))
    return pd.concat(tables)


def common_start(first: str, last: str) -> str:
    """Return the folder that holds the first and the last of some sorted places, with a `/` at its end."""
    folders = zip(first.split("/")[:-1], last.split("/")[:-1], strict=False)
    return "/".join(one for one, _ in takewhile(lambda both: both[0] == both[1], folders)) + "/"


def status_table(rows: Iterable[tuple[int, str, str]], index: pd.Index) -> pd.DataFrame:
    """Return rows of size, version and reason as a table; few of them are Python objects at a time."""
    waiting = iter(rows)
    types = {"size": "int64", "version": "str", "reason": "str"}
    blocks = [pd.DataFrame(columns=list(types)).astype(types)]
    while some := list(islice(waiting, BLOCK)):
        blocks.append(pd.DataFrame(some, columns=list(types)).astype(types))
    return pd.concat(blocks).set_axis(index)
