"""Find a table at a location."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.ingest.file_source import open_file_source
from simpgan.components.ingest.tables.places import ArchivePlaces, Places, StoredPlaces
from simpgan.components.ingest.tables.reading import KINDS
from simpgan.components.ingest.tables.remarks import SHOWN


@dataclass(frozen=True)
class OpenTable:
    """A table that was found.

    Attributes:
        file: the file on this machine, or its content.
        name: its name.
        places: where its files are.
        location: the file's own location; that of the archive if it is in one.
    """

    file: Path | bytes
    name: str
    places: Places
    location: str


@contextmanager
def open_table(location: str) -> Iterator[OpenTable]:
    """Open the table at a location, or the only one in a folder, an archive or below an `s3://` prefix.

    Raises:
        UserError: there is none, or more than one.
    """
    if is_table(location):
        folder, _, name = location.rpartition("/")
        yield OpenTable(storage.current_copy(location), name, StoredPlaces(folder or "."), location)
    elif storage.is_s3(location) or Path(location).is_dir():
        files = (file.path for file in storage.list_files(location) if "/" not in file.path)
        with open_table(storage.join(location, only_table(files, location))) as opened:
            yield opened
    else:
        with open_file_source(location) as archive:
            path = only_table(archive.sizes, location)
            folder, _, name = path.rpartition("/")
            yield OpenTable(archive.read(path), name, ArchivePlaces(archive, folder and f"{folder}/"), location)


def is_table(location: str) -> bool:
    """Tell whether a location is that of a table, by its suffix."""
    named_so = PurePosixPath(location).suffix.lower() in KINDS
    return named_so and (storage.is_s3(location) or not Path(location).is_dir())


def only_table(paths: Iterable[str], location: str) -> str:
    """Return the only table among some paths; of those in several folders, the outermost.

    Raises:
        UserError: there is none, or more than one.
    """
    tables = sorted((path for path in paths if is_table(path)), key=lambda path: (path.count("/"), path))
    outermost = [path for path in tables if path.count("/") == tables[0].count("/")]
    kinds = ", ".join(KINDS)
    if not tables:
        raise UserError(f"no table in {location}: give a file of one of the kinds {kinds}")
    if len(outermost) > 1:
        raise UserError(f"{len(outermost)} tables in {location} ({', '.join(outermost[:SHOWN])}): name one of them")
    return outermost[0]
