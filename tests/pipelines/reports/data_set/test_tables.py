"""The numbers of a data set, against a hand-counted one."""

from pathlib import Path

import pandas as pd

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.results.tables import CellTable
from simpgan.pipelines.reports.data_set.tables import (
    cameras_table,
    in_terminal,
    people_table,
    rejected_table,
    roles_table,
    sizes_table,
)
from tests.pipelines.reports.data_set.made import data_set, roles

HERE = Path("station")


def texts(table: CellTable) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_cameras_count_images_people_and_those_seen_elsewhere():
    """Camera 10 comes behind camera 2, and unknown cameras come last."""
    assert texts(cameras_table(data_set())) == [
        ["1", "3", "2", "2"],
        ["2", "3", "2", "1"],
        ["10", "1", "1", "1"],
        ["unknown", "1", "0", "0"],
    ]


def test_cameras_have_their_names():
    names = {1: "gate", 2: "hall", 10: "roof"}
    named = data_set({"camera_name": ["gate", "gate", "hall", "gate", "roof", "hall", "hall", ""]})
    assert [row[0] for row in texts(cameras_table(named))] == [*names.values(), "unknown"]


def test_people_are_counted_by_the_number_of_their_cameras():
    assert texts(people_table(data_set())) == [["1", "1", "1"], ["2", "2", "5"]]
    unseen = data_set({"camera": pd.NA})
    assert texts(people_table(unseen)) == [["0", "3", "6"]]


def test_folds_with_the_same_numbers_are_one_row():
    """Person 1 of image 0 has image 2 in the gallery; person 3 of image 5 has none."""
    assert texts(roles_table(data_set())) == [
        ["p", "0, 1", "0", "0", "2", "2", "3", "2", "1"],
        ["p", "2", "0", "0", "1", "1", "3", "2", "0"],
    ]


def test_a_probe_of_an_unknown_person_is_unmatched():
    unknown = data_set(roles=roles({0: ("query", [0, 7])}))
    assert texts(roles_table(unknown)) == [["p", "0", "0", "0", "2", "1", "3", "2", "1"]]


def test_sizes_are_those_of_images():
    assert texts(sizes_table(data_set())) == [["width", "10", "14", "45", "76", "80"], ["height", *["100"] * 5]]


def test_rejected_files_are_grouped_by_reason_the_most_frequent_first():
    rejected = pd.DataFrame(
        {"name": ["a", "b", "c", "d", "e"], "reason": ["x", "damaged", "damaged", "damaged", "damaged"]}
    )
    table = rejected_table(data_set(rejected=rejected))
    assert texts(table) == [["damaged", "4", "b, c, d, ..."], ["x", "1", "a"]]


def test_the_terminal_has_what_matters():
    rejected = pd.DataFrame({"name": ["a.jpg"], "reason": ["damaged"]})
    said = in_terminal(data_set(rejected=rejected, warnings=("p: 1 query cannot be ranked",)), HERE)
    assert said.splitlines() == [
        "station: 8 images of 3 people by 3 cameras",
        "  2 of 3 people are seen by two cameras or more.",
        "  A known person has 1 to 3 (median 2) images.",
        "  Images are 10 to 80 (median 45) pixels wide and 100 high.",
        "  2 images show unknown people.",
        "  1 image is by an unknown camera.",
        "  3 images have no role in any protocol.",
        "",
        "camera   images  people  also seen elsewhere",
        "1             3       2                    2",
        "2             3       2                    1",
        "10            1       1                    1",
        "unknown       1       0                    0",
        "",
        "protocol  folds  training  people  probes  people  gallery  people  unmatched probes",
        "p          0, 1         0       0       2       2        3       2                 1",
        "p             2         0       0       1       1        3       2                 0",
        "",
        "1 rejected file, listed in station/rejected.parquet",
        "reason   files  such as",
        "damaged      1    a.jpg",
        "",
        "Warnings",
        "  p: 1 query cannot be ranked.",
    ]


def test_a_long_table_ends_with_the_number_of_lines_that_are_left_out():
    manifest = data_set()
    many = pd.concat([manifest.images] * 4, ignore_index=True)
    many = many.assign(name=[f"{number:02}" for number in range(32)], camera=range(32), person=pd.NA)
    said = in_terminal(Manifest("many", many, manifest.roles), HERE)
    assert "\n... and 12 more, with --out on the page\n" in said
    assert "many: 32 images of unknown people by 32 cameras" in said


def test_a_data_set_without_images_is_described():
    empty = data_set()
    none = Manifest("none", empty.images[:0], empty.roles[:0])
    assert in_terminal(none, HERE) == "none: no images"
    assert all(not make(none).rows for make in (cameras_table, people_table, roles_table, sizes_table, rejected_table))
