"""What is new at a place, and whether it is enough."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.new_files import Listing
from simpgan.components.core.errors import UserError
from simpgan.components.ingest import stage as ingest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.watch import stage
from tests.components.ingest.data_sets import encoded, write

DROP = {f"{camera}/{number}.jpg": encoded(20 * row + number) for row, camera in enumerate("NE") for number in range(2)}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of images; the manifest `known` knows them all."""
    folder = write(DROP, tmp_path / "drop")
    ingest.run(str(folder), IngestSettings(layout="cameras"), str(tmp_path / "data"), tmp_path / "known")
    return folder


def watch(folder: Path, threshold: int = 1, part_images: int = 10) -> list[str]:
    listing = stage.run(str(folder), folder.parent / "known", threshold, part_images, folder.parent / "listing")
    loaded = Listing.load(folder.parent / "listing")
    assert loaded.digest == listing.digest
    assert loaded.location == str(folder)
    return loaded.objects["name"].tolist()


def test_a_place_that_nobody_touched_has_nothing_new(place: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    assert watch(place) == []
    assert "cameras: 0 of 4 files are new, and a training waits for 1: nothing to do" in caplog.text


def test_new_and_replaced_files_are_new_and_hidden_ones_are_not_looked_at(place: Path):
    times = (place / "N/1.jpg").stat()
    write({"N/1.jpg": encoded(91), "W/1.jpg": encoded(92), "W/Thumbs.db": b"", ".upload/1.jpg": b""}, place)
    os.utime(place / "N/1.jpg", ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert watch(place) == ["N/1.jpg", "W/1.jpg"]


def test_a_file_of_another_size_is_new_whatever_its_time_says(place: Path):
    times = (place / "N/1.jpg").stat()
    (place / "N/1.jpg").write_bytes(encoded(91) + b"more")
    os.utime(place / "N/1.jpg", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert watch(place) == ["N/1.jpg"]


def test_a_removed_file_is_not_missed(place: Path):
    (place / "N/1.jpg").unlink()
    assert watch(place) == []


def test_fewer_than_the_threshold_wait_until_there_are_enough(place: Path):
    write({"N/7.jpg": encoded(91)}, place)
    assert watch(place, threshold=2) == []
    write({"N/8.jpg": encoded(92)}, place)
    assert watch(place, threshold=2) == ["N/7.jpg", "N/8.jpg"]


def test_what_is_new_is_shared_out_in_parts(place: Path):
    write({f"W/{number}.jpg": encoded(90 + number) for number in range(5)}, place)
    watch(place, part_images=2)
    listing = Listing.load(place.parent / "listing")
    assert [listing.part_objects(part)["name"].tolist() for part in listing.parts] == [
        ["W/0.jpg", "W/1.jpg"],
        ["W/2.jpg", "W/3.jpg"],
        ["W/4.jpg"],
    ]


def test_a_place_whose_path_is_no_utf_8_is_watched(place: Path):
    named = place.rename(Path(os.fsdecode(os.fsencode(place.parent) + b"/f\xfcr")))
    write({"W/1.jpg": encoded(92)}, named)
    assert watch(named) == ["W/1.jpg"]


def test_no_file_is_opened(place: Path):
    write({"W/1.jpg": encoded(91)}, place)
    opened = []
    sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
    assert watch(place) == ["W/1.jpg"]
    assert [path for path in opened if path.endswith("known/manifest.json")]
    assert not [path for path in opened if path.endswith(".jpg")]


def test_a_data_set_from_an_archive_knows_no_file(place: Path, tmp_path: Path):
    archive = shutil.make_archive(str(tmp_path / "drop"), "zip", place)
    settings = IngestSettings(layout="cameras")
    unpacked = Manifest.load(tmp_path / "known")
    zipped = ingest.run(archive, settings, str(tmp_path / "data"), tmp_path / "known")
    assert zipped.digest == unpacked.digest
    assert watch(place) == sorted(DROP)


def test_a_place_that_is_not_there_is_named(place: Path):
    with pytest.raises(UserError, match=f"no such file or folder: {place}/gone"):
        stage.run(f"{place}/gone", place.parent / "known", 1, 10, place.parent / "listing")


@pytest.mark.parametrize("file", ["listing.json", "listing.parquet"])
def test_a_damaged_listing_is_refused(file: str, place: Path):
    watch(place)
    (place.parent / "listing" / file).write_bytes(b"{} no")
    with pytest.raises(UserError, match=r"is damaged .*: watch again"):
        Listing.load(place.parent / "listing")
    (place.parent / "listing" / file).unlink()
    with pytest.raises(UserError, match=f"it has no {file}; give the folder that watch wrote"):
        Listing.load(place.parent / "listing")


def test_it_needs_neither_networks_nor_pipelines_nor_trackers():
    imported = "import sys, simpgan.components.watch.stage; "
    code = imported + "print({'torch', 'kfp', 'mlflow', 'boto3', 'PIL'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"set()\n"
