"""Files in folders and in object stores (`s3://bucket/prefix`), through one set of functions.

The store's address and keys are found as boto3 finds them: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
or its configuration files.
"""

import errno
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from typing import IO, Any

from simpgan.components.core.environment import whole_number
from simpgan.components.core.errors import UserError
from simpgan.components.core.leftovers import is_hidden
from simpgan.components.core.storage_errors import explained

S3 = "s3://"
PLACE = "a folder or s3://bucket/prefix"
"""The valid forms of a location, for messages."""

SCHEME = re.compile(r"[^/]*:/|s3:", re.IGNORECASE)

RETRIES = 10  # With botocore's growing pauses: about a minute without the store.


@dataclass(frozen=True)
class StoredFile:
    """A file below a location.

    Attributes:
        path: path from the location.
        size: bytes.
        version: text that changes with the content: an object's ETag, or a file's time of change in nanoseconds.
    """

    path: str
    size: int
    version: str


def has_scheme(location: str) -> bool:
    """Tell whether `location` begins with a scheme: `s3://`, `file:///`, or a misspelt one such as `S3://` or `s3:/`.

    A folder whose name ends with a colon is reached by `./name:/`.
    """
    return SCHEME.match(location) is not None


def is_s3(location: str) -> bool:
    """Tell whether `location` is in an object store.

    Raises:
        UserError: it has another scheme; as a path it would be a folder such as `minio:`.
    """
    if str(location).startswith(S3):
        return True
    if has_scheme(str(location)):
        raise UserError(f"'{location}' is no place for files: give {PLACE}")
    return False


def join(location: str, *names: str) -> str:
    """Return `location`/name/name, for folders and prefixes alike."""
    return "/".join([str(location).rstrip("/"), *names])


def named_by(variable: str, *, s3: bool = False) -> str:
    """Return the location that an environment variable names; empty if the variable is not set.

    Args:
        variable: name of the variable.
        s3: whether an `s3://` location is allowed, not only a folder.

    Raises:
        UserError: the location has another scheme.
    """
    location = os.environ.get(variable, "")
    if has_scheme(location) and not (s3 and location.startswith(S3)):
        raise UserError(f"{variable}={location}: give {PLACE if s3 else 'a folder'}")
    return location


def cache_folder() -> Path:
    """Return the folder for copies of remote files: SIMPGAN_CACHE, or ~/.cache/simpgan.

    Raises:
        UserError: the variable names no folder, or the home folder is unknown.
    """
    return Path(named_by("SIMPGAN_CACHE") or home_folder("SIMPGAN_CACHE") / ".cache" / "simpgan")


def home_folder(variable: str) -> Path:
    """Return the home folder of this user; the user of a container may have none.

    Raises:
        UserError: there is none; the message asks to set `variable`.
    """
    try:
        return Path.home()
    except RuntimeError:
        raise UserError(f"this user has no home folder: set {variable} or HOME to a folder") from None


def exists(location: str) -> bool:
    """Tell whether `location` is a file.

    Raises:
        UserError: the store cannot be asked.
    """
    if not is_s3(location):
        return Path(location).is_file()
    bucket, key = _bucket_and_key(location)
    with explained(location):
        # Listing says "no such bucket" where asking for the object's head would only say "not found".
        found = _client().list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return any(item["Key"] == key for item in found.get("Contents", []))


def read_bytes(location: str) -> bytes:
    """Return the content of a file.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    with explained(location):
        if is_s3(location):
            bucket, key = _bucket_and_key(location)
            return _client().get_object(Bucket=bucket, Key=key)["Body"].read()
        return Path(location).read_bytes()


def write_bytes(location: str, data: Any) -> None:
    """Write `data` (bytes or a buffer) as a file that appears whole or not at all; create its folders.

    Raises:
        UserError: the location cannot be written.
    """
    write_file(location, BytesIO(data))


def write_file(location: str, content: IO[bytes]) -> None:
    """Write the whole content of an open file as a file that appears whole or not at all; create its folders.

    Raises:
        UserError: the location cannot be written.
    """
    content.seek(0)
    with explained(location):
        if is_s3(location):
            bucket, key = _bucket_and_key(location)
            _client().put_object(Bucket=bucket, Key=key, Body=content)
            return
        path = Path(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside(path) as temporary, temporary.open("wb") as file:
            shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(file.fileno())


def check_writable(location: str) -> None:
    """Create the folder if it is missing, and check that it can be written, before hours of work end in it.

    Raises:
        UserError: it cannot be created or written, or its bucket does not exist.
    """
    with explained(location):
        if is_s3(location):
            exists(location)
            return
        Path(location).mkdir(parents=True, exist_ok=True)
        if not os.access(location, os.W_OK):
            raise PermissionError(errno.EACCES, "no permission to write")


def list_files(location: str, *, hidden: bool = False) -> list[StoredFile]:
    """List every file below a folder or prefix, sorted by path. Links to folders are followed.

    Hidden files and leftovers (`is_hidden`) are skipped. Folders of that kind are not opened. With `hidden`, a prefix
    is listed with them.

    Raises:
        UserError: there is no such folder or bucket, or an entry cannot be read.
    """
    by_path = attrgetter("path")
    with explained(location):
        if is_s3(location):
            return sorted(_list_prefix(location, hidden=hidden), key=by_path)
        if not Path(location).is_dir():
            raise FileNotFoundError(location)
        return sorted(_list_folder(Path(location), "", frozenset()), key=by_path)


def fingerprint(location: str) -> str:
    """Return a cheap identity (sha256, hex) of a folder, file or prefix: of its names, sizes, and times or ETags.

    Raises:
        UserError: there is no such location.
    """
    if not is_s3(location) and Path(location).is_file():
        with explained(location):
            files = [_stored_file("", Path(location).stat())]
    else:
        files = list_files(location)
    lines = "".join(f"{file.path}\0{file.size}\0{file.version}\n" for file in files)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def local_copy(location: str) -> Path:
    """Return a local path of a file that never changes: the file itself, or a copy downloaded once into the cache.

    Raises:
        UserError: there is no such file, or it cannot be downloaded.
    """
    if not is_s3(location):
        if not Path(location).is_file():
            raise UserError(f"no such file: {location}")
        return Path(location)
    bucket, key = _bucket_and_key(location)
    return _downloaded(location, cache_folder() / bucket / key)


def current_copy(location: str) -> Path:
    """Return a local path of a file that may change: as `local_copy`, but with one copy per version.

    Raises:
        UserError: there is no such file, or it cannot be downloaded.
    """
    if not is_s3(location):
        return local_copy(location)
    bucket, key = _bucket_and_key(location)
    with explained(location):
        version = _client().head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
    return _downloaded(location, cache_folder() / bucket / version / key)


def digest(location: str) -> str:
    """Return the sha256 (hex) of a file's current content.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    path = current_copy(location)
    with explained(location), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def local_folder(location: str) -> Path:
    """Return a local path of a folder whose files never change: the folder itself, or a copy in the cache.

    If nothing lies at `location`, the folder does not exist.

    Raises:
        UserError: it cannot be downloaded.
    """
    if not is_s3(location):
        return Path(location)
    for file in list_files(location):
        local_copy(join(location, file.path))
    bucket, key = _bucket_and_key(location)
    return cache_folder() / bucket / key


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` for a file or folder. It is renamed to `path` at the end, or removed on failure."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def _downloaded(location: str, path: Path) -> Path:
    """Return `path`; download the object to it first if it is missing."""
    if not path.is_file():
        bucket, key = _bucket_and_key(location)
        with explained(location):
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside(path) as temporary:
                _client().download_file(bucket, key, str(temporary))
    return path


def _stored_file(path: str, status: os.stat_result) -> StoredFile:
    return StoredFile(path, status.st_size, str(status.st_mtime_ns))


def _list_folder(folder: Path, prefix: str, above: frozenset[tuple[int, int]]) -> Iterator[StoredFile]:
    opened = folder.stat()
    identity = (opened.st_dev, opened.st_ino)
    if identity in above:  # A link to a folder that it is in.
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                yield from _list_folder(Path(entry.path), f"{prefix}{entry.name}/", above | {identity})
            elif entry.is_file():
                try:
                    status = entry.stat()
                except FileNotFoundError:  # It was removed since the folder was read.
                    continue
                yield _stored_file(f"{prefix}{entry.name}", status)
            elif entry.is_symlink() and not os.path.exists(entry.path):
                raise UserError(f"{entry.path} is a link to nothing: remove it, or bring back what it leads to")


def _list_prefix(location: str, *, hidden: bool) -> Iterator[StoredFile]:
    bucket, prefix = _bucket_and_key(location)
    prefix = f"{prefix}/" if prefix else ""
    for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            path = item["Key"].removeprefix(prefix)
            # Consoles make empty objects that stand for folders.
            if not path.endswith("/") and (hidden or not is_hidden(path)):
                yield StoredFile(path, item["Size"], item["ETag"])


def _bucket_and_key(location: str) -> tuple[str, str]:
    bucket, _, key = str(location).removeprefix(S3).partition("/")
    if not bucket:
        raise UserError(f"'{location}' names no bucket: write s3://bucket/prefix")
    return bucket, key.strip("/")


def _client() -> Any:
    # Connections must not be shared with a forked process, nor kept when the address or the keys change.
    environment = tuple(value for name, value in sorted(os.environ.items()) if name.startswith("AWS_"))
    return _new_client(os.getpid(), environment)


@lru_cache(maxsize=4)
def _new_client(_process: int, _environment: tuple[str, ...]) -> Any:
    import boto3
    from botocore.config import Config

    for variable in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        if (given := os.environ.get(variable)) and not Path(given).exists():
            raise UserError(f"{variable}={given}: there is no such file: give one with certificates, or unset it")
    attempts = whole_number("AWS_MAX_ATTEMPTS", RETRIES, least=1)
    config = Config(
        retries={"mode": "standard", "max_attempts": attempts},
        connect_timeout=10,
        max_pool_connections=32,
        # Stores other than Amazon's may not know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client("s3", config=config)
