"""Archives as others write them: read, or refused for the true reason."""

import io
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.file_source import Damaged, UnreadFile, open_file_source

ENCRYPTED, PATCHED, STRONG, UTF_8 = 0x1, 0x20, 0x41, 0x800
Members = Iterable[tuple[str, bytes]]


def contents(archive: Path) -> dict[str, bytes]:
    """Everything in an archive that can be read, by name."""
    with open_file_source(str(archive)) as source:
        return {name: source.read(name) for name in source.sizes}


def refused(archive: Path) -> dict[str, str]:
    with open_file_source(str(archive)) as source:
        return dict(source.refused)


def zipped(path: Path, members: Members, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def altered(
    path: Path, *, flags: int | None = None, method: int | None = None, names: tuple[bytes, bytes] = (b"", b"")
) -> Path:
    """A zip with other flags or another method in every header, local and central, or with another name."""
    data = bytearray(path.read_bytes().replace(*names) if names[0] else path.read_bytes())
    for signature, start in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            for value, offset in ((flags, start), (method, start + 2)):
                if value is not None:
                    struct.pack_into("<H", data, place + offset, value)
            place = data.find(signature, place + 1)
    path.write_bytes(data)
    return path


def tarred(path: Path, *entries: tuple[str, bytes | str], kind: bytes = tarfile.LNKTYPE) -> Path:
    """A tar of files (bytes) and links (the name of what they lead to)."""
    with tarfile.open(path, "w") as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = kind, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("folder", [("station\\cam1\\", 0), ("station\\cam1", 0x10), ("station/cam1", 0o40755 << 16)])
def test_folders_in_a_zip_are_no_files_however_they_are_written(folder: tuple[str, int], tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        entry = zipfile.ZipInfo(folder[0])
        entry.external_attr = folder[1]
        archive.writestr(entry, b"")
        archive.writestr(zipfile.ZipInfo("station\\cam1\\0.jpg"), b"zero")
    assert contents(tmp_path / "set.zip") == {"station/cam1/0.jpg": b"zero"}
    assert refused(tmp_path / "set.zip") == {}


@pytest.mark.parametrize(
    ("flags", "method", "reason"),
    [
        (ENCRYPTED, None, "encrypted: unpack the archive with its password"),
        (STRONG, None, "encrypted: unpack the archive with its password"),
        (ENCRYPTED, 99, "encrypted: unpack the archive with its password"),
        (None, 9, "compressed by Deflate64, which is not read: unpack the archive"),
        (None, 77, "compressed by method 77, which is not read: unpack the archive"),
    ],
)
def test_a_member_that_needs_another_program_is_not_said_to_be_damaged(
    flags: int | None, method: int | None, reason: str, tmp_path: Path
):
    archive = altered(zipped(tmp_path / "set.zip", [("cam1/0.jpg", b"zero")]), flags=flags, method=method)
    with open_file_source(str(archive)) as source:
        assert list(source.sizes) == ["cam1/0.jpg"]
        with pytest.raises(UnreadFile) as failure:
            source.read("cam1/0.jpg")
    assert failure.value.reason == reason
    assert str(failure.value) == f"cam1/0.jpg in {archive}: {reason}"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_of_python_are_read_and_damage_in_them_is_damage(method: int, tmp_path: Path):
    content = bytes(range(256)) * 40
    archive = zipped(tmp_path / "set.zip", [("0.jpg", content)], method)
    assert contents(archive) == {"0.jpg": content}
    data = bytearray(archive.read_bytes())
    data[60:100] = b"\xff" * 40
    archive.write_bytes(data)
    with open_file_source(str(archive)) as source, pytest.raises(Damaged, match=r"0\.jpg is damaged in"):
        source.read("0.jpg")


def test_a_zip_whose_list_of_members_is_encrypted_is_said_to_be(tmp_path: Path):
    archive = altered(zipped(tmp_path / "set.zip", [("0.jpg", b"zero")]), flags=STRONG)
    archive.write_bytes(archive.read_bytes().replace(b"PK\x01\x02", b"\x8a\x11\x07\xc3"))
    with (
        pytest.raises(UserError, match=r"set\.zip is encrypted: unpack it with its password"),
        open_file_source(str(archive)),
    ):
        pass


def test_a_zip_of_a_later_version_of_the_format_is_said_to_be(tmp_path: Path):
    archive = zipped(tmp_path / "set.zip", [("0.jpg", b"zero")])
    data = bytearray(archive.read_bytes())
    struct.pack_into("<H", data, data.find(b"PK\x01\x02") + 6, 99)
    archive.write_bytes(data)
    with (
        pytest.raises(UserError, match=r"is of a kind that cannot be read \(.*9\.9.*\): unpack it"),
        open_file_source(str(archive)),
    ):
        pass


def test_names_in_a_zip_are_utf_8_or_code_page_437_whatever_it_says(tmp_path: Path):
    plain = zipped(tmp_path / "set.zip", [("fxxr/1.jpg", b"one")])
    assert contents(altered(plain, names=(b"fxxr", "für".encode()))) == {"für/1.jpg": b"one"}
    plain = zipped(tmp_path / "set.zip", [("fxr/1.jpg", b"one")])
    assert contents(altered(plain, names=(b"fxr", "für".encode("cp437")))) == {"für/1.jpg": b"one"}
    marked = altered(zipped(tmp_path / "set.zip", [("fxr/1.jpg", b"one")]), names=(b"fxr", b"f\xfcr"), flags=UTF_8)
    with pytest.raises(UserError, match=r"set\.zip has names that are marked as UTF-8"), open_file_source(str(marked)):
        pass


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_several_entries_with_one_name_the_last_counts(tmp_path: Path):
    members = [("cam1/0.jpg", b"first"), ("./cam1//0.jpg", b"second"), ("cam1./0.jpg", b"dot"), ("set.zip", b"PK")]
    expected = {"cam1/0.jpg": b"second", "cam1./0.jpg": b"dot", "set.zip": b"PK"}
    assert contents(zipped(tmp_path / "set.zip", members)) == expected
    assert contents(tarred(tmp_path / "set.tar", *members)) == expected


def test_hard_links_in_a_tar_are_read(tmp_path: Path):
    archive = tarred(
        tmp_path / "set.tar",
        ("./.snapshot/0.jpg", b"zero"),
        ("cam1/0.jpg", ".snapshot/0.jpg"),
        ("cam2/0.jpg", "./cam1/0.jpg"),
        ("cam3/0.jpg", "../0.jpg"),
        ("cam4/0.jpg", "cam4/0.jpg"),
    )
    assert contents(archive) == {"cam1/0.jpg": b"zero", "cam2/0.jpg": b"zero"}
    assert refused(archive) == dict.fromkeys(
        ("cam3/0.jpg", "cam4/0.jpg"), "is a link to a file that is not in the archive"
    )


def test_a_link_that_is_hidden_is_not_counted(tmp_path: Path):
    assert refused(tarred(tmp_path / "set.tar", (".latest", "/etc/passwd"), kind=tarfile.SYMTYPE)) == {}


def test_what_gnu_tar_writes_of_holes_long_names_and_latin_1_is_read(tmp_path: Path):
    folder = tmp_path / "set" / ("long" * 40)
    folder.mkdir(parents=True)
    with (folder / "holes.bin").open("wb") as file:
        file.write(b"begin")
        file.seek(1_000_000)
        file.write(b"end")
    (folder / "f\udcfcr.bin").write_bytes(b"latin-1")
    expected = {
        f"{folder.name}/holes.bin": (folder / "holes.bin").read_bytes(),
        rf"{folder.name}/f\xfcr.bin": b"latin-1",
    }
    for form in ("gnu", "pax"):
        archive = tmp_path / f"{form}.tar"
        subprocess.run(["tar", "-cSf", archive, f"--format={form}", "-C", tmp_path / "set", "."], check=True)
        assert contents(archive) == expected


def test_a_tar_with_a_broken_header_is_not_taken_for_a_shorter_one(tmp_path: Path):
    archive = tarred(tmp_path / "set.tar", ("cam1/0.jpg", b"zero"), ("cam1/1.jpg", b"one"))
    data = bytearray(archive.read_bytes())
    data[1024 + 150] ^= 1
    archive.write_bytes(data)
    with pytest.raises(UserError, match=r"nor a whole .*: bad header at byte 1024"), open_file_source(str(archive)):
        pass
