"""From a data set to a manifest and shards: the same from everywhere, whole or not at all."""

import logging
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images
from simpgan.components.core.errors import UserError
from simpgan.components.ingest import stage
from simpgan.components.ingest.settings import IngestSettings
from tests.components.core.object_store import ObjectStore
from tests.components.ingest.data_sets import NAMES, encoded, files_of, write
from tests.components.ingest.test_archives import altered, zipped
from tests.components.ingest.test_file_source import KINDS


def ingest(location: Path | str, folder: Path, layout: str = "market1501", **settings) -> Manifest:
    stage.run(str(location), IngestSettings(layout=layout, **settings), str(folder / "data"), folder / "manifest")
    return Manifest.load(folder / "manifest")


def written(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("layout", NAMES)
def test_the_manifest_leads_to_every_image_byte_for_byte(layout: str, tmp_path: Path):
    files = files_of(layout)
    manifest = ingest(write(files, tmp_path / "set"), tmp_path, layout)
    loaded = Manifest.load(tmp_path / "manifest")
    assert loaded.digest == manifest.digest
    images = read_images(str(tmp_path / "data"), loaded, np.arange(len(loaded.images)))
    stored = dict(zip(loaded.images["name"], images, strict=True))
    assert stored == {name: content for name, content in files.items() if name in NAMES[layout]}
    assert set(zip(loaded.images["width"], loaded.images["height"], strict=True)) == {(8, 16)}
    assert len(loaded.rows(loaded.source_protocol, 0, "train")) > 0
    assert loaded.rejected.empty


def test_unknown_people_stay_unknown(tmp_path: Path):
    images = ingest(write(files_of("market1501"), tmp_path / "set"), tmp_path).images
    unknown = images["name"].str.contains("/0000_|/-1_")
    assert images["person"].isna().equals(unknown)
    assert images["camera"].notna().all()


@pytest.mark.parametrize("layout", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_digest_is_the_same_from_every_kind_of_place_and_order_of_files(kind: str, layout: str, tmp_path: Path):
    expected = ingest(write(files_of(layout), tmp_path / "plain"), tmp_path / "one", layout)
    shuffled = list(files_of(layout).items())
    random.Random(5).shuffle(shuffled)
    place = KINDS[kind](tmp_path / "set", {f"some/{layout}/{name}": content for name, content in shuffled})
    found = ingest(place, tmp_path / "two", layout)
    assert found.digest == expected.digest
    shards = [sorted(path.name for path in (tmp_path / part / "data/shards").iterdir()) for part in ("one", "two")]
    assert shards[0] == shards[1]


def test_the_object_store_gives_the_same(object_store: ObjectStore, tmp_path: Path):
    files = files_of("grid")
    expected = ingest(write(files, tmp_path / "set"), tmp_path, "grid")
    object_store.fill({f"raw/{name}": content for name, content in files.items()})
    data_root = f"{object_store.location}/data"
    settings = IngestSettings(layout="grid")
    stage.run(f"{object_store.location}/raw", settings, data_root, tmp_path / "second")
    found = Manifest.load(tmp_path / "second")
    assert found.digest == expected.digest
    assert next(read_images(data_root, found, [3])) == files[found.images["name"][3]]


def test_a_second_ingest_writes_nothing_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    place = write(files_of("market1501"), tmp_path / "set")
    first = ingest(place, tmp_path)
    assert "8 images of 3 people; wrote the manifest and 1 of 1 shards" in caplog.text
    before = written(tmp_path)
    second = ingest(place, tmp_path)
    assert second.digest == first.digest
    assert written(tmp_path) == before
    assert "nothing was written, the manifest and all its shards were there already" in caplog.text


def test_counts_that_differ_from_the_published_are_told_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    ingest(write(files_of("market1501"), tmp_path / "set"), tmp_path)
    told = "market1501, standard, fold 0: train has 3 images of 2 people; published are 12,936 of 751"
    assert told in caplog.text
    assert told in Manifest.load(tmp_path / "manifest").warnings


def test_data_with_a_name_of_its_own_is_not_held_against_the_published_counts(tmp_path: Path):
    place = write(files_of("market1501"), tmp_path / "set")
    settings = IngestSettings(layout="market1501", name="station")
    manifest = stage.run(str(place), settings, str(tmp_path / "data"), tmp_path / "manifest")
    assert manifest.dataset == "station"
    assert not any("published" in warning for warning in manifest.warnings)


def test_a_damaged_image_is_listed_and_the_others_are_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    files = files_of("market1501")
    files["query/0003_c1s1_000009_00.jpg"] = b"a text"
    files["query/notes.txt"] = b"mine"
    files["query/Thumbs.db"] = b"a file manager's"
    manifest = ingest(write(files, tmp_path / "set"), tmp_path, max_rejected_share=0.2)
    expected = {
        "query/0003_c1s1_000009_00.jpg": "not a JPEG, PNG or BMP image",
        "query/notes.txt": "its name is not PPPP_cCsS_FFFFFF_BB.jpg",
    }
    for found in (manifest, Manifest.load(tmp_path / "manifest")):
        assert dict(found.rejected.itertuples(index=False)) == expected
        assert len(found.images) == 8
    assert "2 files were rejected" in caplog.text


def test_too_many_damaged_images_stop_it_and_leave_nothing(tmp_path: Path):
    files = files_of("market1501") | {"query/0003_c1s1_000009_00.jpg": encoded(1)[:300]}
    with pytest.raises(UserError, match=r"1 of 9 files in .* damaged or truncated.*max_rejected_share = 0\.05"):
        ingest(write(files, tmp_path / "set"), tmp_path)
    assert not written(tmp_path / "data")
    assert not (tmp_path / "manifest").exists()


def test_numbers_that_are_too_long_are_rejected_and_the_others_are_taken(tmp_path: Path):
    long = "query/0001_c1s1_20261126114500123456_00.jpg"
    manifest = ingest(
        write(files_of("market1501") | {long: encoded(1)}, tmp_path / "set"), tmp_path, max_rejected_share=0.2
    )
    assert dict(manifest.rejected.itertuples(index=False)) == {
        long: "a number in its name is above 9223372036854775807: 20261126114500123456"
    }
    assert len(manifest.images) == 8


def test_an_encrypted_archive_is_not_said_to_be_damaged(tmp_path: Path):
    place = altered(zipped(tmp_path / "set.zip", files_of("grid").items()), flags=0x1)
    with pytest.raises(
        UserError, match=r"no image in .*set\.zip \(.*: encrypted: unpack the archive with its password"
    ):
        ingest(place, tmp_path, "grid")


LATIN_1 = {
    b"f\xc3\xbcr/1.jpg": "für/1.jpg",
    b"f\xfcr/2.jpg": r"f\xfcr/2.jpg",
    b"f\xfcr/\xe9t\xe9.JPG": r"f\xfcr/\xe9t\xe9.JPG",
    rb"f\xfcr/2.jpg": r"f\x5cxfcr/2.jpg",
}


@pytest.fixture
def umlauts(tmp_path: Path) -> Path:
    """A folder of images whose names are of UTF-8, Latin-1 and both."""
    for row, path in enumerate(LATIN_1):
        place = Path(os.fsdecode(os.fsencode(tmp_path / "drop/") + b"/" + path))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encoded(20 * row))
    return tmp_path / "drop"


def test_names_that_are_no_utf_8_are_read_and_lead_back_to_their_files(umlauts: Path, tmp_path: Path):
    manifest = ingest(umlauts, tmp_path, "cameras")
    images = Manifest.load(tmp_path / "manifest").images
    assert images["name"].tolist() == sorted(LATIN_1.values())
    assert manifest.rejected.empty
    content = dict(zip(images["name"], read_images(str(tmp_path / "data"), manifest, range(len(images))), strict=True))
    assert content == {name: encoded(20 * row) for row, name in enumerate(LATIN_1.values())}
    assert images["camera"].nunique() == 3
    archive = tmp_path / "set.tar"
    subprocess.run(["tar", "-cf", archive, "-C", umlauts, os.fsdecode(b"f\xfcr"), "für"], check=True)
    assert set(ingest(archive, tmp_path / "tar", "cameras").images["name"]) == {*LATIN_1.values()} - {
        r"f\x5cxfcr/2.jpg"
    }


def test_the_manifest_does_not_depend_on_the_locale(umlauts: Path, tmp_path: Path):
    expected = ingest(umlauts, tmp_path, "cameras")
    code = (
        "import sys; from pathlib import Path; from simpgan.components.ingest import stage; "
        "from simpgan.components.ingest.settings import IngestSettings; print(sys.getfilesystemencoding(), stage.run("
        "sys.argv[1], IngestSettings(layout='cameras'), sys.argv[2] + '/data', Path(sys.argv[2], 'manifest')).digest)"
    )
    environment = {**os.environ, "PYTHONUTF8": "0", "LC_ALL": "C"}
    ran = subprocess.run(
        [sys.executable, "-c", code, umlauts, tmp_path / "für"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["ascii", expected.digest]
    assert Manifest.load(tmp_path / "für/manifest").objects.equals(expected.objects)


def test_an_archive_entry_that_climbs_out_is_listed_as_rejected(tmp_path: Path):
    place = KINDS["zip"](tmp_path / "set.zip", files_of("market1501") | {"../../evil.jpg": encoded(1)})
    manifest = ingest(place, tmp_path, max_rejected_share=0.2)
    assert dict(manifest.rejected.itertuples(index=False)) == {"../../evil.jpg": "climbs out of the archive's folder"}
    assert not list(tmp_path.parent.rglob("evil.jpg"))


def test_an_image_of_absurd_dimensions_is_rejected(tmp_path: Path):
    files = files_of("market1501") | {"query/0003_c1s1_000009_00.jpg": encoded(1, size=(300, 300))}
    manifest = ingest(write(files, tmp_path / "set"), tmp_path, max_rejected_share=0.2, max_pixels=10_000)
    assert manifest.rejected["reason"].tolist() == ["300 x 300 pixels, more than 10000"]


def test_a_folder_without_the_layout_says_what_was_looked_for_and_found(tmp_path: Path):
    with pytest.raises(UserError) as refused:
        ingest(write(files_of("cuhk01") | {"readme": b""}, tmp_path / "set"), tmp_path)
    assert str(refused.value) == (
        f"no market1501 data set in {tmp_path}/set: looked for bounding_box_train/, query/, bounding_box_test/; "
        f"found campus/, readme; it looks like cuhk01: write cuhk01:{tmp_path}/set"
    )
    assert not (tmp_path / "data").exists()


def test_an_empty_folder_is_refused(tmp_path: Path):
    (tmp_path / "set").mkdir()
    with pytest.raises(UserError, match="is empty: give the folder or archive that holds campus/"):
        ingest(tmp_path / "set", tmp_path, "cuhk01")


def test_folders_without_any_image_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="no image in"):
        ingest(write({"campus/notes.txt": b"none"}, tmp_path / "set"), tmp_path, "cuhk01")


def test_two_data_sets_in_one_place_are_refused(tmp_path: Path):
    write(files_of("cuhk01"), tmp_path / "set/one")
    write(files_of("cuhk01"), tmp_path / "set/two")
    with pytest.raises(UserError, match=r"2 cuhk01 data sets in .*one/, two/.*name one of them"):
        ingest(tmp_path / "set", tmp_path, "cuhk01")


def test_a_missing_partition_file_is_named_before_any_image_is_read(tmp_path: Path):
    files = files_of("grid")
    del files["features_and_partitions.mat"]
    with pytest.raises(UserError, match=r"no features_and_partitions\.mat in"):
        ingest(write(files, tmp_path / "set"), tmp_path, "grid")


def test_a_damaged_partition_file_leaves_no_manifest(tmp_path: Path):
    files = files_of("grid") | {"features_and_partitions.mat": b"MATLAB 5.0 MAT-file" + bytes(300)}
    with pytest.raises(UserError, match=r"features_and_partitions\.mat is damaged"):
        ingest(write(files, tmp_path / "set"), tmp_path, "grid")
    assert not (tmp_path / "manifest").exists()


@pytest.mark.parametrize("blocked", ["manifest", "data"])
def test_an_output_that_cannot_be_written_is_named(blocked: str, tmp_path: Path):
    place = write(files_of("cuhk01"), tmp_path / "set")
    out = tmp_path / "out"
    out.mkdir()
    (out / blocked).write_bytes(b"a file stands where the folder should be")
    with pytest.raises(UserError, match=f"{out}/{blocked}"):
        ingest(place, out, "cuhk01")


def test_the_name_in_the_settings_is_the_name_in_the_results(tmp_path: Path):
    place = write(files_of("cuhk01"), tmp_path / "set")
    assert ingest(place, tmp_path, "cuhk01", name="my-cameras").dataset == "my-cameras"


def test_it_needs_neither_networks_nor_pipelines_nor_trackers():
    code = "import sys, simpgan.components.ingest.stage; print({'torch', 'kfp', 'mlflow', 'boto3'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"set()\n"


def test_positions_and_hashes_are_those_of_the_shards(tmp_path: Path):
    manifest = ingest(write(files_of("cuhk01"), tmp_path / "set"), tmp_path, "cuhk01")
    shard = pd.read_parquet(tmp_path / "data/shards" / f"{manifest.images['shard'][0]}.parquet")
    paths = [image["path"] for image in shard["image"]]
    assert [paths[position] for position in manifest.images["position"]] == manifest.images["name"].tolist()
