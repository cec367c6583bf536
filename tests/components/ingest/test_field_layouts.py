"""The field's data sets: what their names tell, which image plays which role, and what is wrong with a list."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.evaluate.metrics import rank
from simpgan.components.ingest.data_warnings import count_warnings, match_warnings
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.base import Label
from simpgan.components.ingest.layouts.cuhk03 import splits_of_json
from simpgan.components.ingest.layouts.draws import halves
from simpgan.components.ingest.layouts.msmt17 import listed_names
from simpgan.components.ingest.preview import preview
from simpgan.components.ingest.settings import IngestSettings
from tests.components.ingest.data_sets import CUHK03, CUHK03_TRAIN, LISTS, NAMES, cuhk03_splits, files_of, write
from tests.components.ingest.test_file_source import KINDS
from tests.components.ingest.test_layouts import image_table, names_in, roles_of


@pytest.mark.parametrize(
    ("layout", "name", "label"),
    [
        ("dukemtmcreid", "query/0005_c2_f0046985.jpg", Label(5, 2, 46985)),
        ("dukemtmcreid", "bounding_box_test/7017_c8_f0000456.jpg", Label(7017, 8, 456)),
        ("dukemtmcreid", "query/0001_c1s1_001051_00.jpg", None),
        ("market1501", "query/0005_c2_f0046985.jpg", None),
        ("occluded-duke", "query/0019_c1_f0051230.jpg", Label(19, 1, 51230)),
        ("msmt17", "train/0000/0000_000_01_0303morning_0015_0.jpg", Label(0, 1)),
        ("msmt17", "test/0023/0023_019_15_0113afternoon_0040_0.jpg", Label(10_023, 15)),
        ("msmt17", "train/0001/0000_000_01_0303morning_0015_0.jpg", None),
        ("msmt17-v2", "mask_test_v2/0023/0023_019_15_0113afternoon_0040_0.jpg", Label(10_023, 15)),
        ("cuhk03-labelled", "images_labeled/1_843_1_01.png", Label(1_843, 1)),
        ("cuhk03-detected", "images_detected/5_049_2_10.png", Label(5_049, 10)),
        ("cuhk03-detected", "images_detected/6_049_2_10.png", None),
        ("cuhk03-np-labelled", "labeled/query/0768_c2_16.png", Label(768, 2)),
        ("cuhk03-np-detected", "labeled/query/0768_c2_16.png", None),
        ("viper", "cam_a/000_45.bmp", Label(0, 1)),
        ("viper", "cam_b/873_180.bmp", Label(873, 2)),
        ("prid2011", "single_shot/cam_a/person_0200.png", Label(200, 1)),
        ("prid2011", "single_shot/cam_b/person_0001.png", Label(1, 2)),
        ("prid2011", "single_shot/cam_a/person_0201.png", Label(None, 1)),
        ("prid2011", "multi_shot/cam_a/person_0001/0001.png", None),
        ("ilids", "Persons/0119004.jpg", Label(119, None)),
        ("ilids", "Persons/119.jpg", None),
    ],
)
def test_a_name_tells_person_camera_and_time(layout: str, name: str, label: Label | None):
    assert LAYOUTS[layout].label(name) == label


def roles_in(layout: str, protocol: str, fold: int = 0) -> dict[str, set[str]]:
    """File names by role in a small data set."""
    images = image_table(layout, NAMES[layout])
    roles = roles_of(layout, images, LISTS.get(layout, {}))
    return {role: names_in(images, roles, protocol, fold, role) for role in ("train", "query", "gallery")}


@pytest.mark.parametrize("layout", ["dukemtmcreid", "occluded-duke"])
def test_dukes_distractors_are_people_with_numbers_in_the_gallery(layout: str):
    found = roles_in(layout, "standard")
    assert found["query"] == {"0005_c2_f0046985.jpg"}
    assert found["gallery"] == {"0005_c3_f0061234.jpg", "0005_c2_f0047105.jpg", "7017_c8_f0000456.jpg"}
    assert len(found["train"]) == 3


@pytest.mark.parametrize("layout", ["msmt17", "msmt17-v2"])
def test_msmt17s_lists_say_who_trains_with_and_without_validation(layout: str):
    found = roles_in(layout, "standard")
    assert {name[:8] for name in found["train"]} == {"0000_000", "0000_001", "0001_000"}
    assert {name[:8] for name in found["query"]} == {"0000_003"}
    assert {name[:8] for name in found["gallery"]} == {"0000_004", "0001_000"}
    assert {name[:8] for name in roles_in(layout, "list-train")["train"]} == {"0000_000", "0000_001"}
    assert len(roles_in(layout, "all")["train"]) == 6


def test_msmt17s_people_for_training_and_for_testing_are_others_though_numbered_alike():
    images = image_table("msmt17", NAMES["msmt17"])
    people = images.groupby(images["name"].str.partition("/")[0])["person"].agg(set)
    assert people["train"].isdisjoint(people["test"])
    named = LAYOUTS["msmt17"].completed(images)
    assert set(named["person_name"]) == {"train/0000", "train/0001", "test/0000", "test/0001"}
    assert named.groupby("person_name")["person"].nunique().eq(1).all()


def test_an_image_that_no_list_of_msmt17_names_is_for_sources_only():
    more = [*NAMES["msmt17"], "test/0002/0002_000_01_0303morning_0015_0.jpg"]
    images = image_table("msmt17", more)
    roles = roles_of("msmt17", images, LISTS["msmt17"])
    extra = images.index[images["person"] == 10_002][0]
    assert roles.loc[roles["image"] == extra, "protocol"].tolist() == ["all"]


@pytest.mark.parametrize("content", [b"0000/0000_000_01_0303morning_0015_0.jpg\n", b"a.jpg x\n", b"\xff\xfe\x00\x01"])
def test_a_damaged_list_of_msmt17_is_named_with_its_line(content: bytes):
    with pytest.raises(
        UserError, match=r"list_val\.txt is damaged: line 2 is not PATH PERSON: take it from the data set"
    ):
        listed_names("list_val.txt", b"0000/a.jpg 0\n" + content, "train")


@pytest.mark.parametrize("layout", ["cuhk03-labelled", "cuhk03-detected"])
def test_cuhk03s_new_protocol_is_the_same_from_the_makers_mat_and_from_torchreids_json(layout: str):
    found = roles_in(layout, "new-protocol")
    assert found["train"] == set(CUHK03_TRAIN)
    assert found["query"] == {f"{person}_{shot}.png" for person in ("3_012", "5_049") for shot in ("1_01", "2_06")}
    assert found["gallery"] == {f"{person}_{shot}.png" for person in ("3_012", "5_049") for shot in ("1_02", "2_07")}


def test_cuhk03s_people_and_cameras_are_named_by_their_pair():
    images = LAYOUTS["cuhk03-labelled"].completed(image_table("cuhk03-labelled", NAMES["cuhk03-labelled"]))
    named = images[["person", "person_name", "camera", "camera_name"]].drop_duplicates().to_numpy().tolist()
    assert [3012, "3_012", 6, "pair 3, view 2"] in named
    assert len(named) == 10


def test_cuhk03s_classic_splits_search_one_view_for_the_other():
    """The probes are all images of one view; the gallery has one of each person in the other."""
    tested = [{"1_001", "5_049"}, {"1_002", "3_012"}]
    both = [[name for name in CUHK03 if name[:5] in people] for people in tested]
    others = [[name for name in CUHK03 if name[:5] not in people] for people in tested]
    rows = [(train, test, test) for train, test in zip(others, both, strict=True)]
    files = LISTS["cuhk03-detected"] | {
        "splits_classic_detected.json": cuhk03_splits(rows, r"C:\images_detected\x".rstrip("x"))
    }
    images = image_table("cuhk03-detected", NAMES["cuhk03-detected"])
    roles = roles_of("cuhk03-detected", images, files)
    for fold, people in enumerate(tested):
        for protocol, (probes, gallery) in {"classic-a2b": "12", "classic-b2a": "21"}.items():
            train, queried, searched = (
                names_in(images, roles, protocol, fold, role) for role in ("train", "query", "gallery")
            )
            assert train == set(others[fold])
            assert queried == {name for name in both[fold] if name[6] == probes}
            assert sorted(name[:7] for name in searched) == sorted(f"{person}_{gallery}" for person in people)
    assert match_warnings(LAYOUTS["cuhk03-detected"], images, roles) == []


def test_cuhk03_without_the_classic_splits_has_the_new_protocol_alone_and_no_warning_of_them():
    images = image_table("cuhk03-labelled", NAMES["cuhk03-labelled"])
    roles = roles_of("cuhk03-labelled", images, LISTS["cuhk03-labelled"])
    assert set(roles["protocol"]) == {"new-protocol"}
    told = [
        *count_warnings(LAYOUTS["cuhk03-labelled"], images, roles),
        *match_warnings(LAYOUTS["cuhk03-labelled"], images, roles),
    ]
    assert told
    assert not any("classic" in sentence for sentence in told)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"[1]", b'[{"train": []}]', b'[{"train": [1], "query": []}]',
     pytest.param(b"[" * 9_999, id="deep")],
)  # fmt: skip
def test_damaged_splits_of_cuhk03_are_the_users_to_make_again(content: bytes):
    with pytest.raises(UserError, match=r"splits_new_labeled\.json is damaged: .*; make it again"):
        splits_of_json("splits_new_labeled.json", content)


@pytest.mark.parametrize(
    "content", [b"no matlab", LISTS["grid"]["features_and_partitions.mat"]], ids=["text", "GRID's"]
)
def test_another_mat_file_is_no_protocol_of_cuhk03(content: bytes):
    images = image_table("cuhk03-labelled", NAMES["cuhk03-labelled"])
    with pytest.raises(
        UserError, match=r"cuhk03_new_protocol_config_labeled\.mat is damaged, or no \.mat file up to version 7"
    ):
        roles_of("cuhk03-labelled", images, {"cuhk03_new_protocol_config_labeled.mat": content})


def test_vipers_halves_are_searched_in_both_directions():
    images = image_table("viper", NAMES["viper"])
    roles = roles_of("viper", images).join(images[["person", "camera"]], on="image")
    assert len(roles.query("protocol == 'all'")) == len(images)
    for fold in range(10):
        in_fold = roles[roles["fold"] == fold]
        there, back = (in_fold[in_fold["protocol"] == f"folds10-{direction}"] for direction in ("a2b", "b2a"))
        tested = set(there.query("role == 'query'")["person"])
        assert len(tested) == 3
        assert set(there.query("role == 'train'")["person"]) == {0, 1, 5, 872, 873} - tested
        assert there.query("role == 'query'")["camera"].eq(1).all()
        assert there.query("role == 'gallery'")["camera"].eq(2).all()
        assert set(back.query("role == 'query'")["image"]) == set(there.query("role == 'gallery'")["image"])
        assert set(back.query("role == 'gallery'")["image"]) == set(there.query("role == 'query'")["image"])


def test_prids_people_of_one_camera_are_unknown_distractors_of_its_gallery():
    for protocol, gallery, distractors in (("a2b", "b", 2), ("b2a", "a", 1)):
        every, half = roles_in("prid2011", f"all200-{protocol}"), roles_in("prid2011", f"folds10-{protocol}", 3)
        assert (len(every["train"]), len(every["query"]), len(every["gallery"])) == (4, 4, 4 + distractors), gallery
        assert (len(half["train"]), len(half["query"]), len(half["gallery"])) == (2, 2, 2 + distractors), gallery
        assert half["train"].isdisjoint(half["query"])
    unknown = image_table("prid2011", NAMES["prid2011"]).query("person.isna()")["name"]
    assert sorted(name[-8:-4] for name in unknown) == ["0201", "0201", "0749"]


def test_ilids_has_one_probe_and_one_other_image_of_each_tested_person_in_the_gallery():
    for fold in range(10):
        found = roles_in("ilids", "folds10", fold)
        queried, searched = (sorted(name[:4] for name in found[role]) for role in ("query", "gallery"))
        assert len(queried) == len(set(queried)) == 3
        assert queried == searched
        assert found["query"].isdisjoint(found["gallery"])
        assert {name[:4] for name in found["train"]} == {f"{person:04}" for person in range(1, 6)} - set(queried)


def test_a_half_is_the_same_on_every_machine():
    people = pd.Series(np.arange(20), dtype="Int64")
    train, test = halves(people, 2007, 0)
    assert people[test].tolist() == [0, 4, 6, 7, 10, 11, 15, 16, 17, 18]
    assert (train ^ test).all()


def test_a_missing_person_changes_the_half_of_at_most_one_other():
    people = pd.Series(np.arange(20), dtype="Int64")
    for missing in range(20):
        fewer = people[people != missing]
        before, after = set(people[halves(people, 2007, 0)[1]]), set(fewer[halves(fewer, 2007, 0)[1]])
        assert len((before ^ after) - {missing}) <= 1


@pytest.mark.parametrize("layout", NAMES)
def test_perfect_features_find_every_probe_in_every_protocol(layout: str):
    images = image_table(layout, NAMES[layout])
    roles = roles_of(layout, images, LISTS.get(layout, {}))
    person, camera = (images[column].fillna(-1).to_numpy(dtype=np.int64) for column in ("person", "camera"))
    features = np.eye(len(images) + 1, dtype=np.float32)[pd.factorize(person)[0]]
    features[person < 0] = np.eye(len(images) + 1, dtype=np.float32)[-1]
    measured = roles[roles["role"] == "query"].groupby(["protocol", "fold"])["image"]
    for (protocol, fold), queries in measured:
        gallery = roles.query("protocol == @protocol and fold == @fold and role == 'gallery'")["image"]
        found = rank(
            features[queries],
            features[gallery],
            query_person=person[queries],
            gallery_person=person[gallery],
            query_camera=camera[queries],
            gallery_camera=camera[gallery],
        )
        assert (found.valid, found.cmc[0], found.gallery) == (len(queries), 1, len(gallery)), (protocol, fold)
    assert len(measured), "a protocol has probes"


def test_dukes_gallery_image_of_the_probes_own_camera_is_ignored():
    images = image_table("dukemtmcreid", NAMES["dukemtmcreid"])
    roles = roles_of("dukemtmcreid", images)
    seen = {
        "0005_c2_f0046985": (1, 0),
        "0005_c2_f0047105": (1, 0),
        "7017_c8_f0000456": (0.8, 0.6),
        "0005_c3_f0061234": (0.6, 0.8),
    }
    features = np.array([seen.get(Path(name).stem, (0, 1)) for name in images["name"]], dtype=np.float32)
    (query,) = roles.query("role == 'query'")["image"]
    gallery = roles.query("role == 'gallery'")["image"]
    person, camera = images["person"].to_numpy(dtype=int), images["camera"].to_numpy(dtype=int)
    found = rank(
        features[[query]],
        features[gallery],
        query_person=person[[query]],
        gallery_person=person[gallery],
        query_camera=camera[[query]],
        gallery_camera=camera[gallery],
    )
    assert found.first_rank.tolist() == [2], "behind person 7017; the alike image of camera 2 is no match"


@pytest.mark.parametrize("layout", NAMES)
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_the_preview_finds_every_layout_in_folders_below_and_beside_others(kind: str, layout: str, tmp_path: Path):
    files = {f"data/{layout}/x/{name}": content for name, content in files_of(layout).items()}
    other = "grid" if layout != "grid" else "viper"
    files |= {f"data/{other}/{name}": content for name, content in files_of(other).items()}
    seen = preview(str(KINDS[kind](tmp_path / "set", files)), IngestSettings(layout=layout))
    assert seen is not None
    assert sorted(seen.images["name"]) == sorted(NAMES[layout])
    assert len(seen.rows(seen.source_protocol, 0, "train")) > 0


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("dukemtmcreid", "market1501"),
        ("market1501", "dukemtmcreid"),
        ("market1501", "occluded-duke"),
        ("msmt17-v2", "msmt17"),
        ("cuhk03-detected", "cuhk03-labelled"),
        ("cuhk03-np-labelled", "market1501"),
        ("cuhk03-np-detected", "cuhk03-np-labelled"),
        ("prid2011", "viper"),
        ("viper", "prid2011"),
        ("ilids", "grid"),
    ],
)
def test_a_data_set_of_another_layout_is_told_by_its_folders_and_names(given: str, asked: str, tmp_path: Path):
    place = write(files_of(given), tmp_path / "set")
    with pytest.raises(UserError, match=re.escape(f"; it looks like {given}: write {given}:{place}")):
        preview(str(place), IngestSettings(layout=asked))


@pytest.mark.parametrize("layout", list(LISTS))
def test_a_missing_list_is_named_in_one_line(layout: str, tmp_path: Path):
    for file in LISTS[layout]:
        files = files_of(layout)
        del files[file]
        place = write(files, tmp_path / file)
        with pytest.raises(
            UserError, match=f"^no .*{re.escape(file)}.* in {place}: {layout} needs it for its protocols$"
        ):
            preview(str(place), IngestSettings(layout=layout))


def test_a_data_set_of_prid_has_no_list_of_files_of_many_shots(tmp_path: Path):
    files = files_of("prid2011") | {"multi_shot/cam_a/person_0001/0001.png": b"", "readme.txt": b""}
    seen = preview(str(write(files, tmp_path / "prid_2011")), IngestSettings(layout="prid2011"))
    assert seen is not None
    assert len(seen.images) == len(NAMES["prid2011"])
