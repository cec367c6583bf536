"""A table of images becomes a data set: names and numbers, roles, and what is said of rows that do not fit."""

import csv
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import matches
from simpgan.components.core.errors import UserError
from simpgan.components.ingest import stage
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.table import drawn_people
from simpgan.components.ingest.preview import look_at, preview
from simpgan.components.ingest.settings import IngestSettings
from tests.components.ingest.data_sets import encoded

Row = dict[str, object]


def settings(**given: object) -> IngestSettings:
    return IngestSettings.parse({"layout": "table", "max_rejected_share": 1, **given})


def images_below(folder: Path, *names: str) -> None:
    """Images of different colours."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(number * 5 + 1))


def table_in(folder: Path, rows: list[Row], name: str = "people.csv") -> Path:
    """A CSV file of some rows."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


def ingested(place: Path | str, folder: Path, **given: object) -> Manifest:
    """The manifest, which its preview foresaw."""
    chosen = settings(**given)
    stage.run(str(place), chosen, str(folder / "data"), folder / "manifest")
    made = Manifest.load(folder / "manifest")
    foreseen = preview(str(place), chosen)
    assert foreseen is not None
    unread = ["shard", "position", "sha256", "width", "height"]
    pd.testing.assert_frame_equal(foreseen.images.drop(columns=unread), made.images.drop(columns=unread))
    pd.testing.assert_frame_equal(foreseen.roles, made.roles)
    assert foreseen.source_protocol == made.source_protocol
    return made


def network(people: int, cameras: list[str], shots: int = 2) -> list[Row]:
    """Rows of people who are seen several times by each camera."""
    return [
        {"path": f"{person}/{camera}{shot}.jpg", "person": f"P{person:02}", "camera": camera}
        for person in range(people)
        for camera in cameras
        for shot in range(shots)
    ]


def of_rows(folder: Path, rows: list[Row], **given: object) -> Manifest:
    """The manifest of rows whose images exist."""
    images_below(folder / "set", *dict.fromkeys(str(row["path"]) for row in rows))
    return ingested(table_in(folder / "set", rows), folder, **given)


def names_with(manifest: Manifest, protocol: str, role: str, fold: int = 0) -> list[str]:
    return manifest.images["name"].iloc[manifest.rows(protocol, fold, role)].tolist()


def test_names_stay_as_they_are_and_numbers_follow_them(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"path": "c/1.jpg", "person": "Zoë", "camera": "door"},
        {"path": "c/2.jpg", "person": "", "camera": "7"},
        {"path": "c/10.jpg", "person": "Ann", "camera": "door"},
    ]
    made = of_rows(tmp_path, rows)
    assert made.dataset == "people"
    columns = ["name", "person", "person_name", "camera", "camera_name"]
    assert made.images[columns].astype(object).where(made.images[columns].notna(), None).to_numpy().tolist() == [
        ["c/1.jpg", 2, "Zoë", 2, "door"],
        ["c/10.jpg", 1, "Ann", 2, "door"],
        ["c/2.jpg", None, "", 1, "7"],
    ]
    assert made.objects["name"].tolist() == ["c/1.jpg", "c/10.jpg", "c/2.jpg"]


def test_ids_that_are_numbers_are_these_numbers(tmp_path: Path) -> None:
    rows: list[Row] = [{"path": f"{number}.jpg", "person": number, "camera": 4} for number in (0, 17, 2**63 - 1)]
    images = of_rows(tmp_path, rows).images
    assert images["person"].tolist() == [0, 17, 2**63 - 1]
    assert set(images["camera"]) == {4}
    assert set(images["person_name"]) == set(images["camera_name"]) == {""}
    for other in ("007", "-1", "2.5", str(2**63), "٣"):
        named = of_rows(tmp_path / other, [*rows, {"path": "x.jpg", "person": other, "camera": 4}]).images
        assert sorted(named["person"]) == [1, 2, 3, 4]
        assert set(named["person_name"]) == {"0", "17", str(2**63 - 1), other}


def test_neither_the_order_of_rows_nor_the_kind_of_file_changes_the_data_set(tmp_path: Path) -> None:
    rows = network(5, ["door", "hall"])
    first = of_rows(tmp_path, rows)
    again = ingested(table_in(tmp_path / "set", rows[::-1]), tmp_path / "again")
    table = pd.DataFrame(rows)
    table.to_parquet(tmp_path / "set" / "people.parquet")
    table.to_json(tmp_path / "set" / "people.jsonl", orient="records", lines=True)
    others = [ingested(tmp_path / "set" / f"people.{kind}", tmp_path / kind) for kind in ("parquet", "jsonl")]
    assert {first.digest} == {made.digest for made in (again, *others)}


def test_without_roles_everybody_trains_and_half_of_the_people_are_tested(tmp_path: Path) -> None:
    rows = [*network(6, ["door", "hall"]), {"path": "x.jpg", "person": "", "camera": "door"}]
    made = of_rows(tmp_path, rows)
    assert made.source_protocol == "all"
    assert "x.jpg" not in names_with(made, "all", "train")
    assert len(names_with(made, "all", "train")) == 24
    people = made.images.set_index("name")["person_name"]
    trained, probes, gallery = (names_with(made, "split", each) for each in ("train", "query", "gallery"))
    assert "x.jpg" in trained
    tested = set(people[gallery])
    assert len(tested) == 3
    assert tested.isdisjoint(people[trained])
    assert sorted(gallery) == sorted(name for name in people.index if people[name] in tested)
    assert len(probes) == 6
    assert made.images.set_index("name").loc[probes, ["person_name", "camera_name"]].duplicated().sum() == 0
    assert matches(made.images, made.roles)["matched"].all()
    assert made.warnings == ()


def test_people_of_a_single_camera_are_tested_but_never_probes(tmp_path: Path) -> None:
    rows = network(2, ["door", "hall"], shots=1)
    rows += [{"path": f"s/{person}.jpg", "person": f"S{person}", "camera": "door"} for person in range(8)]
    made = of_rows(tmp_path, rows)
    people = made.images.set_index("name")["person_name"]
    assert len(set(people[names_with(made, "split", "query")])) == 1
    assert len(set(people[names_with(made, "split", "gallery")])) == 1 + 4


@pytest.mark.parametrize("cameras", [[""], ["door"]])
def test_without_several_cameras_one_image_of_each_tested_person_is_searched_for(
    tmp_path: Path, cameras: list[str]
) -> None:
    made = of_rows(tmp_path, [*network(4, cameras, shots=3), {"path": "x.jpg", "person": "X", "camera": cameras[0]}])
    assert len(names_with(made, "split", "query")) == 2
    assert matches(made.images, made.roles)["matched"].all()
    assert made.warnings == ()


def test_a_table_without_people_is_for_training_only(tmp_path: Path) -> None:
    made = of_rows(tmp_path, [{"path": "a.jpg", "camera": "door"}, {"path": "b.jpg", "camera": "hall"}])
    assert made.roles[["protocol", "role"]].drop_duplicates().to_numpy().tolist() == [["all", "train"]]
    assert len(made.roles) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1, 2, None])), min_size=1, max_size=20))
def test_every_probe_of_the_drawn_split_can_be_found_and_the_halves_are_halves(shots: list[tuple[int, int | None]]):
    images = pd.DataFrame(
        {
            "name": [f"{place:02}" for place in range(len(shots))],
            "person": pd.array([person for person, _ in shots], dtype="Int64"),
            "camera": pd.array([camera for _, camera in shots], dtype="Int64"),
            "person_name": "",
        }
    )
    roles = LAYOUTS["table"].roles(images, lambda _: b"")
    found = matches(images, roles)
    assert found["matched"].all()
    people, tested = set(images["person"]), set(drawn_people(images))
    assert len(people) / 2 <= len(tested) <= len(people) / 2 + 1
    split = roles[roles["protocol"] == "split"].assign(
        person=images["person"].to_numpy()[roles.loc[roles["protocol"] == "split", "image"]]
    )
    assert set(split.loc[split["role"] == "train", "person"]) == people - tested
    assert set(split.loc[split["role"] == "gallery", "person"]) == tested


def test_roles_protocols_and_folds_are_those_of_the_table(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"path": "a.jpg", "person": 1, "camera": 1, "role": "train", "protocol": "p", "fold": 0},
        {"path": "a.jpg", "person": 1, "camera": 1, "role": "Query", "protocol": "p", "fold": 1},
        {"path": "b.jpg", "person": 1, "camera": 2, "role": "train", "protocol": "p", "fold": ""},
        {"path": "b.jpg", "person": 1, "camera": 2, "role": "gallery", "protocol": "p", "fold": 1},
        {"path": "c.jpg", "person": 2, "camera": 2, "role": "probe", "protocol": "", "fold": ""},
        {"path": "d.jpg", "person": 3, "camera": 2, "role": "", "protocol": "", "fold": ""},
        {"path": "e.jpg", "person": 3, "camera": 2, "role": "val", "protocol": "", "fold": ""},
    ]
    made = of_rows(tmp_path, rows)
    roles = made.roles.assign(name=made.images["name"].to_numpy()[made.roles["image"]])
    assert sorted(roles[["protocol", "fold", "role", "name"]].to_numpy().tolist()) == [
        ["p", 0, "train", "a.jpg"],
        ["p", 0, "train", "b.jpg"],
        ["p", 1, "gallery", "b.jpg"],
        ["p", 1, "query", "a.jpg"],
        ["standard", 0, "query", "c.jpg"],
    ]
    assert made.source_protocol == "p"
    assert made.warnings == (
        "row 8: for validation, which is not done here, so the images are not used",
        "standard: none of 1 queries has a correct match by another camera: as a target the data set is evaluated "
        "without labels there",
    )


def test_a_table_may_only_tell_training_and_test(tmp_path: Path) -> None:
    rows = network(4, ["door", "hall"])
    made = of_rows(tmp_path, [row | {"split": "train" if row["person"] < "P02" else "test"} for row in rows])
    people = made.images.set_index("name")["person_name"]
    assert made.source_protocol == "standard"
    assert set(people[names_with(made, "standard", "train")]) == {"P00", "P01"}
    assert set(people[names_with(made, "standard", "gallery")]) == {"P02", "P03"}
    assert len(names_with(made, "standard", "query")) == 4


def test_rows_without_a_protocol_are_of_the_one_that_is_called_standard(tmp_path: Path) -> None:
    rows = network(2, ["door", "hall"])
    named = [row | {"role": "test", "protocol": "standard", "fold": 0} for row in rows]
    mixed = [row | {"protocol": "standard" if place % 2 else ""} for place, row in enumerate(named)]
    assert of_rows(tmp_path / "mixed", mixed).digest == of_rows(tmp_path / "named", named).digest
    folds = [row | {"role": "train", "fold": fold} for fold, row in enumerate(mixed[:2])]
    made = of_rows(tmp_path / "folds", folds)
    assert [names_with(made, "standard", "train", fold) for fold in (0, 1)] == [["0/door0.jpg"], ["0/door1.jpg"]]


def test_people_who_are_trained_on_and_searched_for_are_told(tmp_path: Path) -> None:
    rows = network(2, ["door", "hall"], shots=1)
    made = of_rows(
        tmp_path, [row | {"role": role} for row, role in zip(rows, ["train", "gallery", "query", "train"], strict=True)]
    )
    assert made.warnings[0].startswith("standard, fold 0: 1 people are among the training images and the queries")


def test_rows_that_do_not_go_together_are_said_with_their_numbers(tmp_path: Path) -> None:
    images_below(tmp_path / "set", *(f"{number}.jpg" for number in range(6)))
    (tmp_path / "set" / "folder.jpg").mkdir()
    rows: list[Row] = [
        {"path": "0.jpg", "person": "Ann", "camera": "door", "time": 3},
        {"path": "./0.jpg", "person": "Ann", "camera": "door", "time": 3},
        {"path": "1.jpg", "person": "Ann", "camera": "door", "time": 3},
        {"path": "1.jpg", "person": "Bob", "camera": "hall", "time": 4},
        {"path": "2.jpg", "person": "Bob", "camera": "door", "time": 3},
        {"path": "2.jpg", "person": "Bob", "camera": "", "time": 3},
        {"path": "3.jpg", "person": "Bob", "camera": "", "time": "noon"},
        {"path": "gone.jpg", "person": "Bob", "camera": "hall", "time": ""},
        {"path": "folder.jpg", "person": "Bob", "camera": "hall", "time": ""},
        {"path": "", "person": "Bob", "camera": "hall", "time": ""},
        {"path": "http://host/a.jpg", "person": "Bob", "camera": "hall", "time": ""},
        {"path": "crops\\4.jpg", "person": "Bob", "camera": "hall", "time": ""},
    ]
    made = ingested(table_in(tmp_path / "set", rows), tmp_path)
    assert dict(made.rejected.itertuples(index=False)) == {
        "1.jpg": "rows 4 and 5 give it two people: Ann and Bob",
        "2.jpg": "rows 6 and 7 give it two cameras: door and unknown",
        "gone.jpg": "row 9: there is no such file",
        "folder.jpg": "row 10: not a file",
        "row 11": "row 11: has no path",
        "http://host/a.jpg": "row 12: no path and no s3:// location",
        "crops\\4.jpg": "row 13: there is no such file; between folders write /",
    }
    assert made.images["name"].tolist() == ["0.jpg", "3.jpg"]
    assert made.images["time"].tolist() == [3, pd.NA]
    assert made.warnings[:3] == (
        "row 8: the time is no number and no ISO date, and counts as unknown",
        "row 3: says what an earlier row says, and counts once",
        "rows 7, 8: no camera, so that these images are compared with those of every camera",
    )
    with pytest.raises(UserError, match=r"7 of 9 files in .*people\.csv were rejected \(1\.jpg: rows 4 and 5 give it"):
        stage.run(
            str(tmp_path / "set" / "people.csv"), settings(max_rejected_share=0.05), str(tmp_path), tmp_path / "m"
        )


def test_pictures_with_the_same_bytes_of_two_people_are_told(tmp_path: Path) -> None:
    images_below(tmp_path / "set", "a.jpg")
    (tmp_path / "set" / "b.jpg").write_bytes((tmp_path / "set" / "a.jpg").read_bytes())
    made = ingested(
        table_in(tmp_path / "set", [{"path": "a.jpg", "person": 1}, {"path": "b.jpg", "person": 2}]), tmp_path
    )
    assert made.warnings[0].startswith("2 images have the same bytes as an image of somebody else, such as a.jpg and b")


def test_people_who_are_called_as_nobody_are_asked_about(tmp_path: Path) -> None:
    made = of_rows(tmp_path, [{"path": f"{place}.jpg", "person": each} for place, each in enumerate((-1, 1, "nan"))])
    assert "row 2: '-1' counts as a person: leave the column empty where the person is unknown" in made.warnings
    assert "row 4: 'nan' counts as a person: leave the column empty where the person is unknown" in made.warnings


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"role": "training"}, "row 2 has the role 'training': write train, query, probe, gallery, test, or nothing"),
        ({"role": "train", "fold": "-1"}, "row 2 has the fold '-1': write a whole number from 0"),
        ({"role": "train", "fold": "1"}, "protocol 'standard' has the folds 1: number them from 0 without gaps"),
        ({"role": "train", "protocol": "a b"}, "row 2 has the protocol 'a b': take a name without spaces, ':' and ','"),
    ],
)
def test_roles_that_cannot_be_are_refused_with_the_row(tmp_path: Path, row: Row, message: str) -> None:
    with pytest.raises(UserError) as refused:
        of_rows(tmp_path, [{"path": "a.jpg", "person": 1, **row}])
    assert str(refused.value).startswith(f"people.csv: {message}")


def test_files_outside_of_the_tables_folder_are_named_by_the_folder_that_holds_all(tmp_path: Path) -> None:
    images_below(tmp_path / "crops", "a.jpg", "b/c.jpg")
    own = table_in(
        tmp_path / "labels",
        [{"path": "../crops/a.jpg", "person": 1}, {"path": tmp_path / "crops/b/c.jpg", "person": 2}],
    )
    made = ingested(own, tmp_path)
    assert made.images["name"].tolist() == ["a.jpg", "b/c.jpg"]
    assert look_at(str(own), settings()).folders == (f"{tmp_path}/crops/",)
    images_below(tmp_path / "labels", "d.jpg")
    both = table_in(tmp_path / "labels", [{"path": "../crops/a.jpg", "person": 1}, {"path": "d.jpg", "person": 2}])
    assert ingested(both, tmp_path / "both").images["name"].tolist() == ["crops/a.jpg", "labels/d.jpg"]


def test_a_table_is_found_in_its_folder_and_in_an_archive(tmp_path: Path) -> None:
    rows = network(3, ["door", "hall"])
    alone = of_rows(tmp_path, rows)
    assert ingested(tmp_path / "set", tmp_path / "folder", name="people").digest == alone.digest
    table_in(tmp_path / "set", [*rows, {"path": "../../outside.jpg", "person": "P00", "camera": "door"}])
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in sorted((tmp_path / "set").rglob("*.*")):
            archive.write(file, f"top/{file.relative_to(tmp_path / 'set')}")
    packed = ingested(tmp_path / "set.zip", tmp_path / "packed")
    assert packed.images["name"].tolist() == [f"top/{name}" for name in alone.images["name"]]
    assert packed.rejected.to_numpy().tolist() == [["../../outside.jpg", "row 14: climbs out of the archive's folder"]]
    assert packed.objects.empty
    table_in(tmp_path / "set", rows, "more.csv")
    with pytest.raises(UserError, match=r"2 tables in .*set \(more\.csv, people\.csv\): name one of them"):
        preview(str(tmp_path / "set"), settings())
    with pytest.raises(UserError, match=r"no table in .*: give a file of one of the kinds \.csv, \.tsv"):
        preview(str(tmp_path / "set" / "0"), settings())


def test_names_that_look_like_escapes_lead_to_their_files(tmp_path: Path) -> None:
    made = of_rows(tmp_path, [{"path": "a\\xfc.jpg", "person": 1}, {"path": "ü \\x.jpg", "person": 2}])
    assert made.images["name"].tolist() == ["a\\x5cxfc.jpg", "ü \\x.jpg"]


def test_the_fingerprint_tells_changed_tables_and_changed_images(tmp_path: Path) -> None:
    rows = network(2, ["door"])
    of_rows(tmp_path, rows)
    place = str(tmp_path / "set" / "people.csv")
    prints = [look_at(place, settings()).fingerprint()]
    (tmp_path / "set" / "beside.txt").write_text("not in the table")
    Path(place).touch()
    assert look_at(place, settings()).fingerprint() == prints[0]
    (tmp_path / "set" / "0" / "door0.jpg").write_bytes(encoded(99))
    prints.append(look_at(place, settings()).fingerprint())
    table_in(tmp_path / "set", [*rows[:-1], rows[-1] | {"person": "P00"}])
    prints.append(look_at(place, settings()).fingerprint())
    assert len(set(prints)) == 3


def test_a_table_in_an_object_store_names_objects_only(object_store, tmp_path: Path) -> None:
    text = (
        "path,person\ncrops/.a.jpg,1\ns3://other/b.jpg,2\n/etc/passwd,3\n../c.jpg,4\ncrops/d.jpg,5\ns3://other/,6\n"
    ).replace("other", object_store.location.removeprefix("s3://").partition("/")[0])
    object_store.fill({"set/people.csv": text.encode(), "set/crops/.a.jpg": encoded(1)})
    stage.run(f"{object_store.location}/set/people.csv", settings(), str(tmp_path / "data"), tmp_path / "m")
    made = Manifest.load(tmp_path / "m")
    assert made.dataset == "people"
    reasons = sorted(made.rejected["reason"])
    assert reasons == [
        "row 3: there is no such file",
        "row 4: a path on one machine, and the table is in an object store",
        "row 5: there is no such file",
        "row 6: there is no such file",
        "row 7: no object of a bucket",
    ]
    assert len(made.images) == 1
    assert made.objects["version"].iloc[0]
