"""Folders and archives read alike, and archives never reach outside themselves."""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.file_source import Damaged, Gone, open_file_source
from tests.components.core.object_store import ObjectStore
from tests.components.ingest.data_sets import write

FILES = {"b/2.jpg": b"two", "b/1.jpg": b"one", "a.txt": b"", "c/d/e.bin": bytes(range(256)) * 300}
HIDDEN = {
    "b/Thumbs.db": b"x",
    ".DS_Store": b"x",
    "__MACOSX/b/._1.jpg": b"x",
    "b/.hidden": b"x",
    "desktop.ini": b"x",
    "b/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg": b"x",
    "#recycle/b/3.jpg": b"x",
}


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


KINDS: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "folder": lambda path, files: write(files, path),
    "zip": make_zip,
    "tar": make_tar,
    "tar.gz": lambda path, files: make_tar(path, files, "w:gz"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_lists_and_reads_the_same_sorted_and_without_hidden_files(kind: str, tmp_path: Path):
    with open_file_source(str(KINDS[kind](tmp_path / "set", FILES | HIDDEN))) as source:
        assert list(source.sizes.items()) == [(name, len(FILES[name])) for name in sorted(FILES)]
        for name in reversed(FILES):
            assert source.read(name) == FILES[name]
        assert source.refused == {}


@pytest.mark.parametrize("kind", KINDS)
def test_the_part_below_a_folder_is_a_source_of_its_own(kind: str, tmp_path: Path):
    with open_file_source(str(KINDS[kind](tmp_path / "set", FILES))) as source:
        below = source.below("b/")
        assert below.sizes == {"1.jpg": 3, "2.jpg": 3}
        assert below.read("2.jpg") == b"two"


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("name", ["../out.jpg", "a/../../out.jpg", "/out.jpg", "..\\out.jpg", "C:\\out.jpg"])
def test_an_entry_that_climbs_out_is_refused_and_nothing_is_extracted(kind: str, name: str, tmp_path: Path):
    inner = tmp_path / "inner"
    inner.mkdir()
    archive = KINDS[kind](inner / "set", {name: b"evil", "good.jpg": b"good"})
    with open_file_source(str(archive)) as source:
        assert source.refused == {name: "climbs out of the archive's folder"}
        assert list(source.sizes) == ["good.jpg"]
        assert source.read("good.jpg") == b"good"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind: bytes, tmp_path: Path):
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        member = tarfile.TarInfo("link.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with open_file_source(str(tmp_path / "set.tar")) as source:
        assert source.sizes == {}
        assert source.refused == {"link.jpg": "is a link or a device"}


def test_links_in_a_zip_are_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        member = zipfile.ZipInfo("link.jpg")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    with open_file_source(str(tmp_path / "set.zip")) as source:
        assert source.sizes == {}
        assert source.refused == {"link.jpg": "is a link"}


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_truncated_archive_is_the_users_to_repair(kind: str, tmp_path: Path):
    path = KINDS[kind](tmp_path / "set", {"a.bin": os.urandom(50_000), "b.bin": os.urandom(50_000)})
    path.write_bytes(path.read_bytes()[:60_000])
    with (
        pytest.raises(UserError, match=r"set is not a folder, nor a whole \.zip, \.tar or \.tar\.gz file"),
        open_file_source(str(path)),
    ):
        pass


def test_a_damaged_member_is_damaged_alone(tmp_path: Path):
    path = make_zip(tmp_path / "set.zip", {"a.bin": b"a" * 20_000, "b.bin": b"b"})
    content = bytearray(path.read_bytes())
    content[50:60] = bytes(10)
    path.write_bytes(content)
    with open_file_source(str(path)) as source:
        assert source.read("b.bin") == b"b"
        with pytest.raises(Damaged, match=r"a\.bin is damaged in"):
            source.read("a.bin")


def test_a_file_that_is_gone_since_it_was_listed_is_said_to_be(tmp_path: Path):
    with open_file_source(str(write(FILES, tmp_path / "set"))) as source:
        (tmp_path / "set/b/1.jpg").unlink()
        with pytest.raises(Gone, match=r"b/1\.jpg is gone from"):
            source.read("b/1.jpg")


def test_keys_with_parts_that_no_folder_has_are_read_as_a_folder_would_have_them(object_store: ObjectStore):
    keys = {
        "st/./b/1.jpg": b"one",
        "st//b/2.jpg": b"two",
        "st/b/./3.jpg": b"not it",
        "st/b/3.jpg": b"three",
        "st/b/../4.jpg": b"",
    }
    object_store.fill(keys)
    with open_file_source(f"{object_store.location}/st") as source:
        assert {name: source.read(name) for name in source.sizes} == {
            "b/1.jpg": b"one",
            "b/2.jpg": b"two",
            "b/3.jpg": b"three",
        }
        assert source.refused == {"b/../4.jpg": "has '..' in its path", "b/./3.jpg": "has the same path as b/3.jpg"}
        assert sorted(file.path for file in source.objects.values()) == sorted(key.removeprefix("st/") for key in keys)


@pytest.mark.parametrize("content", [b"", b"text"])
def test_a_file_that_is_no_archive_is_refused(content: bytes, tmp_path: Path):
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(UserError, match="not a folder, nor"), open_file_source(str(tmp_path / "set.zip")):
        pass


def test_a_location_that_is_not_there_is_named(tmp_path: Path):
    with (
        pytest.raises(UserError, match=f"no such folder or archive: {tmp_path}/none"),
        open_file_source(f"{tmp_path}/none"),
    ):
        pass
