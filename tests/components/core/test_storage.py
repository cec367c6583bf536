"""Folders and object stores answer alike, and say in one line what is wrong."""

import hashlib
import os
import re
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from tests.components.core.object_store import ObjectStore


@pytest.fixture(params=["folder", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty location of each kind."""
    if request.param == "folder":
        (tmp_path / "place").mkdir()
        return str(tmp_path / "place")
    return f"{request.getfixturevalue('object_store').location}/place"


def test_what_is_written_is_there_and_is_read_back(place: str):
    location = storage.join(place, "a", "b.bin")
    assert not storage.exists(location)
    storage.write_bytes(location, b"one")
    assert storage.exists(location)
    assert storage.read_bytes(location) == b"one"
    storage.write_bytes(location, memoryview(b"two"))
    assert storage.read_bytes(location) == b"two"
    assert storage.local_copy(location).read_bytes() == b"two"


def test_a_file_that_changes_is_read_as_it_is_now(place: str):
    location = storage.join(place, "a.bin")
    for content in (b"one", b"two"):
        storage.write_bytes(location, content)
        assert storage.current_copy(location).read_bytes() == content
        assert storage.digest(location) == hashlib.sha256(content).hexdigest()
    with pytest.raises(UserError, match=r"no such .*gone\.bin"):
        storage.digest(storage.join(place, "gone.bin"))


def test_a_folder_and_the_start_of_a_name_are_no_file(place: str):
    storage.write_bytes(storage.join(place, "a", "b.bin"), b"one")
    assert not storage.exists(storage.join(place, "a"))
    assert not storage.exists(storage.join(place, "a", "b"))


def test_files_are_listed_by_path_with_their_size(place: str):
    for name in ("b/z", "a", "b/a/c", "b-1"):
        storage.write_bytes(storage.join(place, name), name.encode())
    listed = storage.list_files(place)
    assert [(file.path, file.size) for file in listed] == [("a", 1), ("b-1", 3), ("b/a/c", 5), ("b/z", 3)]


def test_a_prefix_does_not_match_the_start_of_another_name(place: str):
    storage.write_bytes(storage.join(place, "set/a"), b"")
    storage.write_bytes(storage.join(place, "set2/b"), b"")
    assert [file.path for file in storage.list_files(storage.join(place, "set"))] == ["a"]


def test_leftovers_are_not_listed(place: str):
    for name in ("cam1/0.jpg", "cam1/@eaDir/0.jpg/THUMB.jpg", "#recycle/1.jpg", ".hidden/2.jpg", "cam1/Thumbs.db"):
        storage.write_bytes(storage.join(place, name), b"")
    assert [file.path for file in storage.list_files(place)] == ["cam1/0.jpg"]


def test_the_fingerprint_changes_with_content_and_names_only(place: str):
    storage.write_bytes(storage.join(place, "a"), b"one")
    first = storage.fingerprint(place)
    assert storage.fingerprint(f"{place}/") == first
    storage.write_bytes(storage.join(place, "b"), b"")
    second = storage.fingerprint(place)
    time.sleep(0.01)
    storage.write_bytes(storage.join(place, "a"), b"two")
    assert len({first, second, storage.fingerprint(place)}) == 3


def test_an_archive_has_a_fingerprint_too(tmp_path: Path):
    (tmp_path / "set.zip").write_bytes(b"one")
    first = storage.fingerprint(str(tmp_path / "set.zip"))
    os.utime(tmp_path / "set.zip", (1, 1))
    assert storage.fingerprint(str(tmp_path / "set.zip")) != first


def test_a_write_that_breaks_leaves_the_old_content_and_nothing_beside(tmp_path: Path):
    location = tmp_path / "file"
    storage.write_bytes(str(location), b"old")
    with pytest.raises(TypeError):
        storage.write_bytes(str(location), "no bytes")
    assert location.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [location]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path):
    def write(content: bytes) -> None:
        with storage.beside(location) as partial:
            partial.mkdir()
            (partial / "file").write_bytes(content)
            if content == b"half":
                raise OSError("in the middle")
            assert not location.exists()

    location = tmp_path / "folder"
    with pytest.raises(OSError, match="in the middle"):
        write(b"half")
    assert list(tmp_path.iterdir()) == []
    write(b"whole")
    assert (location / "file").read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [location]


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path):
    (tmp_path / "real/sub").mkdir(parents=True)
    (tmp_path / "real/sub/file").write_bytes(b"")
    (tmp_path / "real/sub/up").symlink_to(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert [file.path for file in storage.list_files(str(tmp_path / "link"))] == ["sub/file"]


@contextmanager
def another_user() -> Iterator[None]:
    """Be somebody whom permissions hold for, which they do not for root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("folder", "set/cam1/folder: Permission denied: give this user access"),
        ("half a folder", "set/cam1/half a folder/0.jpg: Permission denied: give this user access"),
        ("loop", "set/cam1/loop: Too many levels of symbolic links: remove this link"),
        ("dangling", "set/cam1/dangling is a link to nothing: remove it, or bring back what it leads to"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_unless_it_is_hidden(
    entry: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)

    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry in ("loop", "dangling"):
            path.symlink_to(path.name if entry == "loop" else "gone.jpg")
        else:
            path.mkdir()
            (path / "0.jpg").write_bytes(b"")
            path.chmod(0o000 if entry == "folder" else 0o444)

    for name in ("lost+found", ".Trash-0", "$RECYCLE.BIN"):
        make(Path("set") / name)
    Path("set/0.jpg").write_bytes(b"")
    with another_user():
        assert [file.path for file in storage.list_files("set")] == ["0.jpg"]
    make(Path("set/cam1") / entry)
    with another_user(), pytest.raises(UserError) as refused:
        storage.list_files("set")
    assert str(refused.value) == message


def test_a_link_to_a_file_is_that_file(tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "file").write_bytes(b"four")
    (tmp_path / "set/link").symlink_to("../file")
    assert [(file.path, file.size) for file in storage.list_files(f"{tmp_path}/set")] == [("link", 4)]


def test_what_is_not_there_is_named(place: str):
    missing = storage.join(place, "none")
    with pytest.raises(UserError, match=f"no such (file|object).*{missing}"):
        storage.read_bytes(missing)
    with pytest.raises(UserError, match=f"no such (file|object).*{missing}"):
        storage.local_copy(missing)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=f"no such file or folder: {tmp_path}/none"):
        storage.list_files(f"{tmp_path}/none")
    with pytest.raises(UserError, match=f"no such file or folder: {tmp_path}/none"):
        storage.fingerprint(f"{tmp_path}/none")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    for call in (lambda path: storage.write_bytes(f"{path}/x", b""), storage.check_writable):
        with pytest.raises(UserError, match=f"{tmp_path}/file/below.*: Not a directory"):
            call(f"{tmp_path}/file/below")


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path):
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))  # What a write meets on a full disk, without filling one.
    try:
        with pytest.raises(UserError, match=f"{tmp_path}/shard: File too large"):
            storage.write_bytes(str(tmp_path / "shard"), bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_a_bucket_that_is_not_there_is_named(object_store: ObjectStore):
    for call in (storage.list_files, storage.read_bytes, storage.exists, storage.check_writable, storage.fingerprint):
        with pytest.raises(UserError, match=r"no such bucket: s3://nobodys/x: create it"):
            call("s3://nobodys/x")
    with pytest.raises(UserError, match="no such bucket"):
        storage.write_bytes("s3://nobodys/x", b"")


def test_a_location_without_a_bucket_is_refused():
    with pytest.raises(UserError, match="'s3:///x' names no bucket"):
        storage.read_bytes("s3:///x")


def test_a_store_that_does_not_answer_is_named(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"cannot reach http://127\.0\.0\.1:9 for s3://b/x: check AWS_ENDPOINT_URL"):
        storage.read_bytes("s3://b/x")


def test_missing_keys_are_named(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch):
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with pytest.raises(UserError, match=r"no keys for s3://b/x: set AWS_ACCESS_KEY_ID"):
        storage.read_bytes("s3://b/x")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("AWS_ENDPOINT_URL", "minio:9000", "AWS_ENDPOINT_URL takes an address such as http://minio:9000"),
        ("AWS_ENDPOINT_URL_S3", "http://minio:x", "AWS_ENDPOINT_URL_S3 takes an address such as http://minio:9000"),
        ("AWS_MAX_ATTEMPTS", "abc", "AWS_MAX_ATTEMPTS=abc: give a whole number from 1"),
        ("AWS_MAX_ATTEMPTS", "0", "AWS_MAX_ATTEMPTS=0: give a whole number from 1"),
        ("AWS_PROFILE", "nobody", "AWS_PROFILE takes the name of a profile"),
        ("AWS_DEFAULT_REGION", "no where", "AWS_DEFAULT_REGION takes a region such as us-east-1"),
        ("AWS_CA_BUNDLE", "/nowhere", "AWS_CA_BUNDLE=/nowhere: there is no such file: give one with certificates"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "abc", "correct AWS_METADATA_SERVICE_TIMEOUT"),
        ("AWS_DEFAULTS_MODE", "abc", "correct AWS_DEFAULTS_MODE"),
        ("SIMPGAN_CACHE", "s3://bucket/cache", "SIMPGAN_CACHE=s3://bucket/cache: give a folder"),
    ],
)
def test_a_variable_that_a_store_cannot_be_reached_with_is_named(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
):
    location = f"{object_store.location}/file"
    storage.write_bytes(location, b"")
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=re.escape(message)):
        storage.local_copy(location)


def test_a_file_of_keys_that_is_none_is_named(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "config").write_text("no [file")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(UserError, match=r"config: AWS_CONFIG_FILE takes a file such as aws configure writes"):
        storage.exists(f"{object_store.location}/file")


def test_no_password_in_an_address_is_said(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch):
    for address in ("http://somebody:secret@minio:x", "http://somebody:secret@127.0.0.1:9"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(UserError) as refused:
            storage.exists(f"{object_store.location}/file")
        assert "secret" not in str(refused.value)
        assert "AWS_ENDPOINT_URL" in str(refused.value)
