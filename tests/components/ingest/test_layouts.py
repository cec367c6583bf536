"""What each layout reads from names, and which image plays which role."""

import re
from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.data_warnings import count_warnings, match_warnings
from simpgan.components.ingest.file_source import FileSource
from simpgan.components.ingest.layout_search import sort_out
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.base import Label
from simpgan.components.ingest.layouts.cuhk01 import SPLITS
from simpgan.components.ingest.layouts.draw_cuhk01_splits import draw_splits
from simpgan.components.ingest.layouts.grid import PARTITIONS, read_partitions
from simpgan.components.ingest.settings import IngestSettings
from tests.components.ingest.data_sets import CUHK, GRID, GRID_FIELDS, LISTS, MARKET, partitions


def image_table(layout: str, names: list[str] | tuple[str, ...]) -> pd.DataFrame:
    labels = {name: LAYOUTS[layout].label(name) for name in sorted(names)}
    return pd.DataFrame(
        {
            "name": list(labels),
            **{
                column: pd.array([getattr(label, column) for label in labels.values()], dtype="Int64")
                for column in ("person", "camera", "time")
            },
        }
    )


def roles_of(layout: str, images: pd.DataFrame, files: Mapping[str, bytes] = {}) -> pd.DataFrame:
    return LAYOUTS[layout].roles(images, lambda name: files.get(name, b""))


def names_in(images: pd.DataFrame, roles: pd.DataFrame, protocol: str, fold: int, role: str) -> set[str]:
    chosen = roles.query("protocol == @protocol and fold == @fold and role == @role")["image"]
    return {re.sub(r".*/", "", name) for name in images["name"].iloc[chosen]}


def test_every_layout_can_be_chosen_in_the_settings():
    for layout in LAYOUTS:
        assert IngestSettings(layout=layout).layout == layout
    with pytest.raises(UserError, match="did you mean 'market1501'"):
        IngestSettings.parse({"layout": "market"})


@pytest.mark.parametrize(
    ("layout", "name", "label"),
    [
        ("market1501", "query/0001_c1s1_001051_00.jpg", Label(1, 1, 1051)),
        ("market1501", "bounding_box_test/1488_c6s1_023021_02.jpg.jpg", Label(1488, 6, 23021)),
        ("market1501", "bounding_box_test/0000_c6s3_094992_01.jpg", Label(None, 6, 94992)),
        ("market1501", "bounding_box_test/-1_c4s6_022316_11.jpg", Label(None, 4, 22316)),
        ("market1501", "query/0001_c1_001051_00.jpg", None),
        ("market1501", "query/more/0001_c1s1_001051_00.jpg", None),
        ("grid", "probe/0247_5_32846_244_25_53_159.jpeg", Label(247, 5, 32846)),
        ("grid", "gallery/0000_1_25698_101_16_87_246.jpeg", Label(None, 1, 25698)),
        ("grid", "gallery/readme.txt", None),
        ("cuhk01", "campus/0971002.png", Label(971, 1)),
        ("cuhk01", "campus/0971003.png", Label(971, 2)),
        ("cuhk01", "campus/0971005.png", None),
        ("cameras", "west gate/2026-11-22/17.JPG", Label(None, None)),
        ("cameras", "west gate/17.png", Label(None, None)),
        ("market1501", "query/0001_c1s1_001051_00.JPG", Label(1, 1, 1051)),
        ("market1501", "query/0001_c1s1_001051_00.jpeg", Label(1, 1, 1051)),
        ("market1501", "query/0001_c1s1_001051_00.Png", Label(1, 1, 1051)),
        ("market1501", f"query/0001_c1s1_{2**63 - 1}_00.jpg", Label(1, 1, 2**63 - 1)),
        ("grid", "probe/0247_5_32846_244_25_53_159.PNG", Label(247, 5, 32846)),
        ("cuhk01", "campus/0971002.JPG", Label(971, 1)),
        ("cameras", "west gate/17.jfif", Label(None, None)),
        ("cameras", "17.jpg", None),
        ("cameras", "west gate/17.txt", None),
        ("cameras", "f\\xfcr/17.jpg", Label(None, None)),
    ],
)
def test_a_name_tells_person_camera_and_time(layout: str, name: str, label: Label | None):
    assert LAYOUTS[layout].label(name) == label


@pytest.mark.parametrize("digits", [str(2**63), "20261126114500123456", "9" * 200, "9" * 5_000])
@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("market1501", "query/{}_c1s1_000001_00.jpg"),
        ("market1501", "query/0001_c{}s1_000001_00.jpg"),
        ("market1501", "query/0001_c1s1_{}_00.jpg"),
        ("grid", "probe/0001_{}_25001_10_10_50_90.jpeg"),
        ("grid", "probe/0001_1_{}_10_10_50_90.jpeg"),
    ],
)
def test_a_number_that_the_manifest_cannot_hold_is_the_files_fault(layout: str, name: str, digits: str):
    source = FileSource("set", {name.format(digits): 1}, lambda _: b"")
    labels, rejected = sort_out(source, LAYOUTS[layout])
    assert labels == {}
    assert list(rejected.values()) == [f"a number in its name is above {2**63 - 1}: {digits[:40]}"]


def test_market_distractors_are_gallery_only_and_junk_plays_no_role():
    images = image_table("market1501", MARKET)
    roles = roles_of("market1501", images)
    assert names_in(images, roles, "standard", 0, "gallery") == {
        "0001_c2s1_000301_00.jpg",
        "0001_c1s1_001052_00.jpg",
        "0000_c6s3_094992_01.jpg",
    }
    assert names_in(images, roles, "standard", 0, "query") == {"0001_c1s1_001051_00.jpg"}
    assert len(names_in(images, roles, "standard", 0, "train")) == 3
    assert len(roles) == 7, "eight images, of which one is junk"


def test_grid_folds_follow_the_partitions_and_keep_every_distractor():
    images = image_table("grid", GRID)
    roles = roles_of("grid", images, LISTS["grid"])
    distractors = {name.removeprefix("gallery/") for name in GRID[-2:]}
    for fold, (train, test) in enumerate([("13", "24"), ("24", "13")]):
        train_names = names_in(images, roles, "folds10", fold, "train")
        assert len(train_names) == 4
        assert {name[3] for name in train_names} == set(train)
        query_names = names_in(images, roles, "folds10", fold, "query")
        assert {name[3:6] for name in query_names} == {f"{person}_1" for person in test}
        gallery_names = names_in(images, roles, "folds10", fold, "gallery")
        assert {name[3:6] for name in gallery_names - distractors} == {f"{person}_2" for person in test}
        assert distractors < gallery_names
    assert len(names_in(images, roles, "all250", 0, "train")) == 8
    assert len(names_in(images, roles, "all250", 0, "query")) == 4
    assert len(names_in(images, roles, "all250", 0, "gallery")) == 6


def test_grid_person_ids_are_the_third_field_where_they_have_no_name():
    folds = read_partitions(partitions([([5, 6], [7])], ("a", "b", "c")))
    assert [(train.tolist(), test.tolist()) for train, test in folds] == [([5, 6], [7])]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not MATLAB's",
        LISTS["grid"][PARTITIONS][:200],
        partitions([], GRID_FIELDS),
        partitions([([1, 2], [2, 3])], GRID_FIELDS),
        partitions([([1, 2], [np.nan, np.inf])], GRID_FIELDS),
        partitions([([1, 2], [2.5])], GRID_FIELDS),
        partitions([([1, 2], ["a"])], GRID_FIELDS),
        b"# Created by Octave 9.2\n# name: trainIdxAll\n",
    ],
    ids=["empty", "text", "truncated", "no folds", "people in both", "nan", "halves", "letters", "octave"],
)
def test_damaged_partitions_are_the_users_to_repair(content: bytes):
    with pytest.raises(UserError, match=r"features_and_partitions\.mat is damaged"):
        read_partitions(content)


@pytest.mark.parametrize("start", [0, 512])
def test_partitions_of_matlab_7_3_are_said_to_be_that(start: int):
    with pytest.raises(UserError, match=r"in the format of MATLAB 7\.3 \(HDF5\).* save\('features_and_.*', '-v7'\)"):
        read_partitions(b"MATLAB 7.3 MAT-file".ljust(start)[:start] + b"\x89HDF\r\n\x1a\n" + bytes(100))


def test_the_single_shot_gallery_does_not_depend_on_the_suffix():
    images = image_table("cuhk01", CUHK)
    others = image_table("cuhk01", [name.replace(".png", ".JPG") for name in CUHK])
    assert roles_of("cuhk01", images).equals(roles_of("cuhk01", others))


def test_cuhk01_splits_are_those_that_the_command_draws():
    shipped = pd.read_csv(SPLITS, index_col="person", dtype={"person": int})
    pd.testing.assert_frame_equal(
        shipped.rename(columns=int), draw_splits(), check_dtype=False, check_column_type=False
    )
    trained = shipped == "train"
    assert (trained.sum() == 485).all()
    assert ((~trained).sum() == 486).all()
    assert not trained.T.duplicated().any(), "ten different splits"


def test_cuhk01_protocols_search_one_view_for_the_other():
    images = image_table("cuhk01", CUHK)
    roles = roles_of("cuhk01", images).join(images[["person", "camera"]], on="image")
    splits = pd.read_csv(SPLITS, index_col="person")
    assert set(roles["protocol"]) == {
        "all",
        *(f"{a}-shot-{b}" for a, b in product(("single", "multi"), ("a2b", "b2a"))),
    }
    for protocol, fold in product(set(roles["protocol"]) - {"all"}, range(10)):
        part = roles.query("protocol == @protocol and fold == @fold")
        queries, gallery, train = (part[part["role"] == role] for role in ("query", "gallery", "train"))
        tested = {person for person in range(1, 9) if splits[str(fold)][person] != "train"}
        assert set(queries["person"]) == set(gallery["person"]) == tested
        assert set(train["person"]) == set(range(1, 9)) - tested
        assert set(queries["camera"]) == ({1} if protocol.endswith("a2b") else {2})
        assert set(gallery["camera"]) == ({2} if protocol.endswith("a2b") else {1})
        assert (gallery.groupby("person").size() == (1 if protocol.startswith("single") else 2)).all()
        assert (queries.groupby("person").size() == 2).all()


def test_the_single_shot_gallery_is_the_drawn_image():
    images = image_table("cuhk01", CUHK)
    roles = roles_of("cuhk01", images)
    splits = pd.read_csv(SPLITS, index_col="person")
    shots = splits["0"].loc[1:8].loc[lambda column: column != "train"]
    to_b = {f"{person:04}00{two[1]}.png" for person, two in shots.items()}
    to_a = {f"{person:04}00{two[0]}.png" for person, two in shots.items()}
    assert names_in(images, roles, "single-shot-a2b", 0, "gallery") == to_b
    assert names_in(images, roles, "single-shot-b2a", 0, "gallery") == to_a


def test_cameras_have_the_names_of_their_folders_and_numbers_in_that_order_and_every_image_is_for_training():
    images = image_table("cameras", ["east/b/2.jpg", "east/a/1.jpg", "Gate/9.png", "north/1.jpg"])
    images = LAYOUTS["cameras"].completed(images)
    assert images[["name", "camera", "camera_name"]].to_numpy().tolist() == [
        ["Gate/9.png", 1, "Gate"],
        ["east/a/1.jpg", 2, "east"],
        ["east/b/2.jpg", 2, "east"],
        ["north/1.jpg", 3, "north"],
    ]
    roles = roles_of("cameras", images)
    assert roles.to_numpy().tolist() == [[row, "cameras", 0, "train"] for row in range(4)]
    assert count_warnings(LAYOUTS["cameras"], images, roles) == match_warnings(LAYOUTS["cameras"], images, roles) == []


def test_queries_without_a_match_by_another_camera_are_told():
    names = ["probe/0001_5_1_1.jpeg", "gallery/0001_5_2_1.jpeg", "probe/0002_5_1_1.jpeg", "gallery/0002_6_1_1.jpeg"]
    images = image_table("grid", names)
    roles = roles_of("grid", images, {PARTITIONS: partitions([([9], [8])], GRID_FIELDS)})
    assert match_warnings(LAYOUTS["grid"], images, roles) == [
        "all250: 1 queries have no correct match by another camera and cannot be evaluated",
        "folds10: no query shows a person who is known: as a target the data set is evaluated without labels there",
    ]
    names = ["query/0001_c1s1_000001_00.jpg", "bounding_box_test/0001_c1s1_000002_00.jpg"]
    images = image_table("market1501", [*names, "bounding_box_test/0002_c2s1_000002_00.jpg"])
    (told,) = match_warnings(LAYOUTS["market1501"], images, roles_of("market1501", images))
    assert told.startswith("standard: none of 1 queries has a correct match by another camera: as a target")
    of_one_camera = image_table("market1501", names)
    assert match_warnings(LAYOUTS["market1501"], of_one_camera, roles_of("market1501", of_one_camera)) == []
