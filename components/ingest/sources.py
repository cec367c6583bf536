"""Where a data set is read from: a folder, an archive whose members are read in place, or an S3 prefix."""

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from gzip import GzipFile
from pathlib import Path, PurePosixPath
from typing import TypeVar

import pandas as pd

from components.core.data.objects import is_hidden
from components.core.runtime import storage
from components.core.runtime.errors import UserError

T = TypeVar("T")
GZIP_MAGIC = b"\x1f\x8b"


class Damaged(UserError):
    """A member of an archive cannot be read back."""

    def __init__(self, path: str, location: str) -> None:
        super().__init__(f"{path} is damaged in {location}: make the archive again")


class Gone(UserError):
    """A listed file is no longer there."""

    def __init__(self, path: str, location: str) -> None:
        super().__init__(f"{path} is gone from {location}: list it again")


@dataclass(frozen=True)
class Source:
    """Files that are read by their path.

    Args:
        location: what the user named.
        sizes: path, with `/`, to size in bytes, sorted by path; hidden files and Thumbs.db are left out.
        read: the content of a path, from any thread; raises Damaged if an archive's member is broken, and Gone
            if a file is no longer there.
        refused: entries of an archive that are never read, with the reason: links, and paths that climb out.
        versions: path to the version that the file has; empty for an archive.
    """

    location: str
    sizes: Mapping[str, int]
    read: Callable[[str], bytes]
    refused: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def below(self, folder: str) -> "Source":
        """The files below `folder` ("" or ending in /), by their paths from there."""

        def of_folder(values: Mapping[str, T]) -> dict[str, T]:
            return {path.removeprefix(folder): value for path, value in values.items() if path.startswith(folder)}

        return replace(
            self,
            sizes=of_folder(self.sizes),
            versions=of_folder(self.versions),
            read=lambda path: self.read(folder + path),
        )


def listed(location: str, objects: pd.DataFrame) -> Source:
    """Files of a folder or `s3://` prefix that were listed earlier: name, size and version as they were then."""

    def read(path: str) -> bytes:
        file = storage.join(location, path)
        try:
            return storage.read_bytes(file)
        except UserError:
            if storage.exists(file):
                raise
            raise Gone(path, location) from None

    names = objects["name"].tolist()
    sizes, versions = (dict(zip(names, objects[column].tolist(), strict=True)) for column in ("size", "version"))
    return Source(location, _visible(sizes), read, versions=versions)


@contextmanager
def open_source(location: str) -> Iterator[Source]:
    """Open a folder, a .zip, .tar or .tar.gz file, or an `s3://` prefix. Nothing is ever extracted into a folder.

    Raises:
        UserError: there is nothing at `location`, or it is a file but no archive.
    """
    if storage.is_s3(location) or Path(location).is_dir():
        files = storage.list_files(location)
        yield Source(
            location,
            _visible({file.path: file.size for file in files}),
            lambda path: storage.read_bytes(storage.join(location, path)),
            versions={file.path: file.version for file in files},
        )
        return
    if not Path(location).exists():
        raise UserError(f"no such folder or archive: {location}")
    open_archive = _open_zip if zipfile.is_zipfile(location) else _open_tar
    with ExitStack() as opened:
        with _explained(location):
            source = opened.enter_context(open_archive(location))
        yield source


@contextmanager
def _open_zip(location: str) -> Iterator[Source]:
    with zipfile.ZipFile(location) as archive:
        members: dict[str, zipfile.ZipInfo] = {}
        refused: dict[str, str] = {}
        for member in archive.infolist():
            if member.is_dir():
                continue
            is_link = stat.S_ISLNK(member.external_attr >> 16)
            path = _inside(member.filename, "is a link" if is_link else None, refused)
            if path:
                members[path] = member

        def read(path: str) -> bytes:
            try:
                return archive.read(members[path])
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as damage:
                raise Damaged(path, location) from damage

        sizes = {path: member.file_size for path, member in members.items()}
        yield Source(location, _visible(sizes), read, refused)


@contextmanager
def _open_tar(location: str) -> Iterator[Source]:
    with _uncompressed(location) as file, tarfile.open(fileobj=file, mode="r:") as archive:
        members: dict[str, tarfile.TarInfo] = {}
        refused: dict[str, str] = {}
        for member in archive:
            if member.isdir():
                continue
            path = _inside(member.name, None if member.isreg() else "is a link or a device", refused)
            if path:
                members[path] = member

        def read(path: str) -> bytes:
            member = members[path]
            content = os.pread(file.fileno(), member.size, member.offset_data)
            if len(content) < member.size:
                raise Damaged(path, location)
            return content

        sizes = {path: member.size for path, member in members.items()}
        yield Source(location, _visible(sizes), read, refused)


@contextmanager
def _uncompressed(location: str) -> Iterator:
    """The tar file itself, or what its compression held, in a temporary file without a name.

    Images are read in the order of their names, and going back in a compressed stream would start it again.
    """
    with open(location, "rb") as file:
        if file.read(2) != GZIP_MAGIC:
            file.seek(0)
            yield file
            return
        file.seek(0)
        with tempfile.TemporaryFile() as plain:
            shutil.copyfileobj(GzipFile(fileobj=file), plain, 2**20)
            plain.seek(0)
            yield plain


def _inside(name: str, reason: str | None, refused: dict[str, str]) -> str | None:
    """An entry's path below the archive's own folder, or None, with the reason in `refused`."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or path.parts[0].endswith(":"):
        reason = "climbs out of the archive's folder"
    if reason:
        refused[name] = reason
        return None
    return str(path)


def _visible(sizes: Mapping[str, int]) -> dict[str, int]:
    return {path: sizes[path] for path in sorted(sizes) if not is_hidden(path)}


@contextmanager
def _explained(location: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as damage:
        raise UserError(f"{location} is not a folder, nor a whole .zip, .tar or .tar.gz file: {damage}") from damage
    except OSError as failure:
        raise UserError(f"cannot read {location}: {failure.strerror or failure}") from failure
