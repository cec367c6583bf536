"""A manifest comes back as it was saved, and its digest tells every difference in content."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from tests.conftest import Ingested


def manifest(**changes) -> Manifest:
    images = pd.DataFrame(
        {
            "name": ["a.jpg", "b.jpg", "c.jpg"],
            "shard": "s",
            "position": [0, 1, 2],
            "sha256": ["0a", "0b", "0c"],
            "width": 64,
            "height": 128,
            "person": [7, pd.NA, 9],
            "camera": [1, 2, pd.NA],
            "time": pd.NA,
        }
    )
    roles = pd.DataFrame(
        {
            "image": [2, 0, 1, 0],
            "protocol": ["p", "p", "p", "q"],
            "fold": [0, 0, 1, 0],
            "role": ["train", "train", "gallery", "query"],
        }
    )
    return Manifest(**{"dataset": "d", "images": images, "roles": roles, "source_protocol": "p"} | changes)


def test_it_comes_back_as_it_was_saved(tmp_path: Path):
    objects = pd.DataFrame({"name": ["a.jpg", "x"], "size": [3, 0], "version": ["0f", "7"]})
    saved = manifest(rejected=pd.DataFrame({"name": ["x"], "reason": ["y"]}), objects=objects, warnings=("few images",))
    assert saved.save(tmp_path / "deep/m")
    loaded = Manifest.load(tmp_path / "deep/m")
    for table in ("images", "roles", "rejected", "objects"):
        pd.testing.assert_frame_equal(getattr(loaded, table), getattr(saved, table))
    assert (loaded.dataset, loaded.source_protocol, loaded.warnings) == ("d", "p", ("few images",))
    assert loaded.digest == saved.digest


def test_unknown_is_missing_and_ids_are_whole_numbers():
    images = manifest().images
    assert images["person"].isna().tolist() == [False, True, False]
    assert images["person"].dtype == images["camera"].dtype == images["time"].dtype == pd.Int64Dtype()


def test_people_and_cameras_are_shown_by_their_names_else_by_their_numbers():
    numbered = manifest()
    assert numbered.shown("camera").dropna().tolist() == ["1", "2"]
    assert numbered.shown("camera").isna().tolist() == [False, False, True]
    named = manifest(images=numbered.images.assign(person_name=["Ann", "", "Zoë"], camera_name=["", "gate", ""]))
    assert named.shown("person").dropna().tolist() == ["Ann", "Zoë"]
    assert named.shown("camera").dropna().tolist() == ["1", "gate"]
    assert len({numbered.digest, named.digest}) == 2


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        ([1, 1, 2], ["a", "b", "c"]),
        ([1, 2, 3], ["a", "a", "b"]),
        ([1, 1, 2], ["a", "", "b"]),
        ([1, 2, None], ["a"] * 3),
    ],
)
def test_a_name_has_one_number_and_a_number_one_name(numbers, names):
    with pytest.raises(ValueError, match="each camera must have one number and at most one name"):
        manifest(images=manifest().images.assign(camera=numbers, camera_name=names))


def test_rows_of_a_role_ascend_and_may_be_none():
    assert manifest().rows("p", 0, "train").tolist() == [0, 2]
    assert manifest().rows("p", 1, "train").tolist() == []
    assert manifest().protocols().to_numpy().tolist() == [["p", 0], ["p", 1], ["q", 0]]


def test_unknown_protocols_and_folds_are_named():
    with pytest.raises(UserError, match="d has no protocol 'r': choose from p, q"):
        manifest().rows("r", 0, "train")
    with pytest.raises(UserError, match="protocol 'p', has no fold 2: folds go from 0 to 1"):
        manifest().rows("p", 2, "train")


def test_a_second_save_writes_nothing(tmp_path: Path):
    assert manifest().save(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert not manifest().save(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_the_same_content_read_at_another_time_takes_the_place(tmp_path: Path):
    for version in ("one", "two"):
        objects = pd.DataFrame({"name": ["a.jpg"], "size": [3], "version": [version]})
        assert manifest(objects=objects).save(tmp_path)
        assert Manifest.load(tmp_path).objects["version"].tolist() == [version]


def test_another_manifest_takes_the_place_and_other_files_stay(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/shard").write_bytes(b"precious")
    manifest().save(tmp_path)
    other = manifest(dataset="other")
    assert other.save(tmp_path)
    assert Manifest.load(tmp_path).digest == other.digest
    assert (tmp_path / "data/shard").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("images", "person", 8),
        ("images", "person", pd.NA),
        ("images", "sha256", "ff"),
        ("roles", "image", 1),
        ("roles", "role", "query"),
        ("roles", "fold", 3),
    ],
)
def test_every_change_of_content_changes_the_digest(table: str, column: str, value: object):
    changed = getattr(manifest(), table).copy()
    changed.loc[0, column] = value
    assert manifest(**{table: changed}).digest != manifest().digest


def test_the_digest_is_of_the_content_alone():
    assert manifest(warnings=("odd",)).digest == manifest().digest
    assert manifest(images=manifest().images.assign(shard="t", position=[5, 4, 3])).digest == manifest().digest
    objects = pd.DataFrame({"name": ["a.jpg"], "size": [3], "version": ["0f"]})
    assert manifest(objects=objects).digest == manifest().digest
    assert manifest(objects=objects).files_digest != manifest().files_digest
    assert manifest(dataset="other").digest != manifest().digest
    stored_otherwise = manifest().images.astype({"person": "Float64", "width": "int32"})
    assert manifest(images=stored_otherwise).digest == manifest().digest


def test_the_digest_stays_the_same_from_release_to_release():
    assert manifest().digest == "416d1bb6925039cfa3ab32d28dedcdfe021218d6bca2b026bad9f4a924e4b26d"


@pytest.mark.parametrize(
    "file", ["manifest.json", "images.parquet", "roles.parquet", "rejected.parquet", "objects.parquet"]
)
def test_damage_and_absence_are_the_users_to_repair(file: str, tmp_path: Path):
    manifest().save(tmp_path)
    (tmp_path / file).write_bytes(b"{} no")
    with pytest.raises(UserError, match="damaged"):
        Manifest.load(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(UserError, match=f"is not a manifest: it has no {file}"):
        Manifest.load(tmp_path)


def test_tables_of_two_manifests_do_not_mix(tmp_path: Path):
    manifest().save(tmp_path / "one")
    manifest(images=manifest().images.assign(width=65)).save(tmp_path / "two")
    (tmp_path / "two/images.parquet").replace(tmp_path / "one/images.parquet")
    with pytest.raises(UserError, match="its content has changed"):
        Manifest.load(tmp_path / "one")


@pytest.mark.parametrize(("table", "column", "value"), [("images", "position", 9), ("objects", "version", "8")])
def test_damage_of_what_is_not_in_the_digest_is_found(table: str, column: str, value: object, tmp_path: Path):
    manifest(objects=pd.DataFrame({"name": ["a.jpg"], "size": [3], "version": ["0f"]})).save(tmp_path)
    changed = pd.read_parquet(tmp_path / f"{table}.parquet")
    changed.loc[0, column] = value
    changed.to_parquet(tmp_path / f"{table}.parquet")
    with pytest.raises(UserError, match="its content has changed"):
        Manifest.load(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=f"{tmp_path}/file"):
        manifest().save(tmp_path / "file")


@pytest.mark.parametrize(
    "changes",
    [
        {"images": manifest().images.iloc[::-1]},
        {"images": manifest().images.assign(name="a.jpg")},
        {"images": manifest().images.drop(columns="camera")},
        {"images": manifest().images.iloc[:2]},
        {"roles": manifest().roles.assign(role="trainer")},
        {"objects": pd.DataFrame({"name": ["a.jpg"] * 2, "size": 3, "version": ["1", "2"]})},
    ],
    ids=["unsorted", "names twice", "no camera", "roles of images that are not there", "unknown role", "objects twice"],
)
def test_tables_that_contradict_themselves_are_refused(changes: dict):
    with pytest.raises(ValueError, match=r"images|roles|objects"):
        manifest(**changes)


def test_a_folder_that_is_no_manifest_names_the_one_to_give(ingested: Ingested, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(ingested.source, tmp_path / "run" / "ingest" / "manifest"))
    for given in (copied.parent, copied.parents[1], copied / "manifest"):
        with pytest.raises(UserError, match=rf"is not a manifest: it has no manifest\.json: give {copied}$"):
            Manifest.load(given)
    images = ingested.folder / "market1501"
    with pytest.raises(UserError, match="it is a folder of images, so simpgan ingest it first"):
        Manifest.load(images)
