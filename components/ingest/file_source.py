"""Files of a data set: a folder, an archive whose members are read in place, or an S3 prefix."""

import lzma
import posixpath
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from gzip import GzipFile
from itertools import starmap
from pathlib import Path
from threading import Lock
from typing import ClassVar, TypeVar

import pandas as pd

from simpgan.components.core import storage
from simpgan.components.core.data.object_versions import as_name, objects_at, path_of
from simpgan.components.core.errors import UserError
from simpgan.components.core.leftovers import is_hidden
from simpgan.components.core.storage import StoredFile
from simpgan.components.core.storage_errors import explained

T = TypeVar("T")
GZIP_MAGIC = b"\x1f\x8b"
ENCRYPTED = 0x1 | 0x40 | 0x2000  # general purpose flags of a zip's entry: content, strongly, header
UTF_8 = 0x800
METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
WINDOWS_FOLDER = 0x10  # attribute of a zip's entry
CONTINUED, INCREMENTAL_FOLDER, VOLUME_LABEL = b"M", b"D", b"V"  # types of GNU tar's entries
DRIVE = re.compile("[A-Za-z]:/")
CLIMBS_OUT = "climbs out of the archive's folder"
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, struct.error)


class UnreadFile(UserError):
    """A file cannot be read.

    Args:
        message: the error.
        reason: the same in a few words, for the manifest's rejected files.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Damaged(UnreadFile):
    """A member of an archive cannot be read back."""

    def __init__(self, path: str, location: str) -> None:
        super().__init__(f"{path} is damaged in {location}: make the archive again", "damaged in the archive")


class Gone(UnreadFile):
    """A listed file no longer exists."""

    REASON: ClassVar[str] = "gone since it was listed"

    def __init__(self, path: str, location: str) -> None:
        super().__init__(f"{path} is gone from {location}: list it again", self.REASON)


class Packed(UnreadFile):
    """A member of an archive is whole, but needs a password or another program."""

    def __init__(self, path: str, location: str, reason: str) -> None:
        super().__init__(f"{path} in {location}: {reason}", reason)


@dataclass(frozen=True)
class FileSource:
    """Files by name: the paths below `location`, as text with `/` between their parts.

    Attributes:
        location: location as the user gave it.
        sizes: name to size in bytes, sorted by name, without hidden files and leftovers.
        read: returns the content of a name, from any thread. Raises UnreadFile.
        refused: name to the reason, for files that are never read: links in archives, paths that climb out.
        objects: name to the object as it was listed. Empty for archives.
    """

    location: str
    sizes: Mapping[str, int]
    read: Callable[[str], bytes]
    refused: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, StoredFile] = field(default_factory=dict)

    def content(self, name: str) -> bytes:
        """Return the content of a file, empty if there is none of that name."""
        return self.read(name) if name in self.sizes else b""

    def below(self, folder: str) -> "FileSource":
        """Return the files below `folder` ("" or ending in /), by their names from there."""

        def of_folder(values: Mapping[str, T]) -> dict[str, T]:
            """Return the values below the folder, by their names from there."""
            return {name.removeprefix(folder): value for name, value in values.items() if name.startswith(folder)}

        return replace(
            self,
            sizes=of_folder(self.sizes),
            objects={
                name: replace(each, path=each.path.removeprefix(folder))
                for name, each in of_folder(self.objects).items()
            },
            read=lambda name: self.read(folder + name),
        )


def listed_files(location: str, objects: pd.DataFrame) -> FileSource:
    """Return files of a folder or `s3://` prefix as `objects_at` listed them, with their sizes and versions then.

    A key of an object store may contain `.` or empty parts, which no path of a folder does. They are left out of its
    name.
    """
    files: dict[str, StoredFile] = {}
    refused: dict[str, str] = {}
    named = [(inside(file.path.lstrip("/")), file) for file in starmap(StoredFile, objects.to_numpy().tolist())]
    for name, file in sorted(named, key=lambda each: each[0] != each[1].path):
        if name is None:
            refused[file.path] = "has '..' in its path"
        elif name in files:
            refused[file.path] = f"has the same path as {files[name].path}"
        files[file.path if name is None or file.path in refused else name] = file

    def read(name: str) -> bytes:
        file = storage.join(location, path_of(files[name].path, location))
        try:
            return storage.read_bytes(file)
        except UserError:
            if storage.exists(file):
                raise
            raise Gone(name, location) from None

    sizes = {name: files[name].size for name in sorted(files) if name not in refused}
    return FileSource(location, sizes, read, refused, files)


@contextmanager
def open_file_source(location: str) -> Iterator[FileSource]:
    """Open a folder, a .zip, .tar or .tar.gz file, or an `s3://` prefix. Nothing is ever extracted into a folder.

    Raises:
        UserError: there is nothing at `location`, or it is a file but no archive.
    """
    with explained(location):
        is_folder = storage.is_s3(location) or Path(location).is_dir()
        is_there = is_folder or Path(location).exists()
    if not is_there:
        raise UserError(f"no such folder or archive: {location}")
    if is_folder:
        yield listed_files(location, objects_at(location))
        return
    open_archive = _open_zip if zipfile.is_zipfile(location) else _open_tar
    with ExitStack() as opened:
        with _explained(location):
            files = opened.enter_context(open_archive(location))
        yield files


@dataclass(frozen=True)
class ArchiveEntry:
    r"""An entry of an archive that is no folder.

    Attributes:
        path: path in the archive, with `/` or `\` between folders; bytes that are not UTF-8 as surrogates.
        size: bytes.
        read: returns the content. Raises UnreadFile.
        refused: why it is never read, or None.
    """

    path: str
    size: int
    read: Callable[[], bytes]
    refused: str | None = None


def _from_entries(location: str, entries: Iterable[ArchiveEntry]) -> FileSource:
    """Return the files that the entries make. Of several with one path the last counts, as when they are unpacked."""
    found: dict[str, ArchiveEntry] = {}
    for entry in entries:
        path = entry.path.encode("utf-8", "surrogateescape")
        name = inside(as_name(path.replace(b"\\", b"/")))
        if name and not DRIVE.match(name):
            found[name] = entry
        else:
            found[as_name(path)] = replace(entry, refused=CLIMBS_OUT)

    def read(name: str) -> bytes:
        with explained(location):
            return found[name].read()

    visible = {name: found[name] for name in sorted(found) if not is_hidden(name.replace("\\", "/"))}
    return FileSource(
        location,
        sizes={name: entry.size for name, entry in visible.items() if not entry.refused},
        read=read,
        refused={name: entry.refused for name, entry in visible.items() if entry.refused},
    )


def inside(path: str) -> str | None:
    """Return a path without `.` and empty parts; None if it has `..` or is absolute."""
    name = posixpath.normpath(path)
    if name == "." or name.startswith("/") or ".." in path.split("/"):
        return None
    return name


@contextmanager
def _open_zip(location: str) -> Iterator[FileSource]:
    """Open a zip archive."""
    with zipfile.ZipFile(location) as archive:
        yield _from_entries(location, _zip_entries(archive, location))


def _zip_entries(archive: zipfile.ZipFile, location: str) -> Iterator[ArchiveEntry]:
    """Yield the entries of a zip archive that are no folders."""
    for member in archive.infolist():
        path = _path_in_zip(member)
        mode = member.external_attr >> 16
        if path.endswith(("/", "\\")) or member.external_attr & WINDOWS_FOLDER or stat.S_ISDIR(mode):
            continue
        yield ArchiveEntry(
            path,
            member.file_size,
            partial(_read_from_zip, archive, member, path, location),
            "is a link" if stat.S_ISLNK(mode) else None,
        )


def _path_in_zip(member: zipfile.ZipInfo) -> str:
    """Return a member's path. Some programs write UTF-8 without the flag, and zipfile then reads code page 437."""
    path = member.filename
    if not member.flag_bits & UTF_8:
        with suppress(UnicodeError):
            return path.encode("cp437").decode()
    return path


def _read_from_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str, location: str) -> bytes:
    """Read a member of a zip archive.

    Raises:
        Packed: the member is encrypted or needs another program.
        Damaged: the member cannot be read back.
    """
    if member.flag_bits & ENCRYPTED:
        raise Packed(path, location, "encrypted: unpack the archive with its password")
    try:
        return archive.read(member)
    except (NotImplementedError, RuntimeError):
        method = METHODS.get(member.compress_type, f"method {member.compress_type}")
        raise Packed(path, location, f"compressed by {method}, which is not read: unpack the archive") from None
    except DAMAGE as damage:
        raise Damaged(path, location) from damage
    except OSError as failure:
        if failure.errno:
            raise
        raise Damaged(path, location) from failure  # bz2 raises it for damaged data


@contextmanager
def _open_tar(location: str) -> Iterator[FileSource]:
    """Open a tar archive, which may be compressed by gzip."""
    with (
        _uncompressed(location) as file,
        tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape") as archive,
    ):
        files = _from_entries(location, _tar_entries(archive, location))
        # tarfile takes an unreadable header for the end of the archive, which would be empty.
        file.seek(archive.offset)
        if any(file.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError(f"bad header at byte {archive.offset}")
        yield files


def _tar_entries(archive: tarfile.TarFile, location: str) -> Iterator[ArchiveEntry]:
    """Yield the entries of a tar archive that are no folders."""
    lock = Lock()
    contents: dict[str, tarfile.TarInfo] = {}
    for member in archive:
        if member.isdir() or member.type in (INCREMENTAL_FOLDER, VOLUME_LABEL):
            continue
        content, refused = member, None
        if member.islnk():  # a hard link, whose content comes before it under another name
            content = contents.get(posixpath.normpath(member.linkname), member)
            refused = "is a link to a file that is not in the archive" if content is member else None
        elif member.issym() or member.isdev():
            refused = "is a link or a device"
        elif member.type == CONTINUED:
            refused = "begins in another volume of the archive"
        if not refused:
            contents[posixpath.normpath(member.name)] = content
        yield ArchiveEntry(
            member.name, content.size, partial(_read_from_tar, archive, lock, content, location), refused
        )


def _read_from_tar(archive: tarfile.TarFile, lock: Lock, member: tarfile.TarInfo, location: str) -> bytes:
    """Read a member of a tar archive.

    Raises:
        Damaged: the member cannot be read back.
    """
    try:
        with lock:
            file = archive.extractfile(member)
            assert file, "it is a regular file"
            return file.read()
    except DAMAGE as damage:
        raise Damaged(member.name, location) from damage


@contextmanager
def _uncompressed(location: str) -> Iterator:
    """Yield the tar file itself, or its decompressed content in a temporary file without a name.

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


@contextmanager
def _explained(location: str) -> Iterator[None]:
    """Convert errors of opening an archive in this block into a UserError that names the remedy."""
    try:
        yield
    except UnicodeDecodeError as damage:
        raise UserError(f"{location} has names that are marked as UTF-8 but are not: unpack it") from damage
    except NotImplementedError as unknown:
        raise UserError(f"{location} is of a kind that cannot be read ({unknown}): unpack it") from unknown
    except DAMAGE as damage:
        if _begins_encrypted(location):
            raise UserError(f"{location} is encrypted: unpack it with its password") from damage
        raise UserError(f"{location} is not a folder, nor a whole .zip, .tar or .tar.gz file: {damage}") from damage
    except OSError as failure:
        raise UserError(f"cannot read {location}: {failure.strerror or failure}") from failure


def _begins_encrypted(location: str) -> bool:
    """Tell whether a file begins as a zip does whose list of members may be encrypted too."""
    with open(location, "rb") as file:
        head = file.read(8)
    return head.startswith(b"PK\x03\x04") and bool(int.from_bytes(head[6:8], "little") & ENCRYPTED)
