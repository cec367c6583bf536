"""Data sets as large as their makers published them: every count is the published one, and a smaller one is told."""

import json
from collections.abc import Iterator

import numpy as np
import pytest

from simpgan.components.ingest.data_warnings import count_warnings, match_warnings
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.grid import PARTITIONS
from tests.components.ingest.data_sets import GRID_FIELDS, partitions
from tests.components.ingest.test_layouts import image_table, roles_of

Files = dict[str, bytes]


def shares(total: int, people: int) -> list[int]:
    """Numbers of images of each person, as even as can be."""
    return [total // people + (person < total % people) for person in range(people)]


def market() -> tuple[list[str], Files]:
    counts = (("bounding_box_train", 12_936, 751), ("query", 3_368, 750), ("bounding_box_test", 13_115, 750))
    names = [
        f"{folder}/{1 + number % people:04}_c{1 + number // people % 6}s1_{number:06}_00.jpg"
        for folder, count, people in counts
        for number in range(count)
    ]
    names += [f"bounding_box_test/0000_c1s1_{number:06}_00.jpg" for number in range(2_798)]
    names += [f"bounding_box_test/-1_c1s1_{number:06}_00.jpg" for number in range(3_819)]
    return names, {}


def duke(train: int, query: int, people: int) -> tuple[list[str], Files]:
    """Images of `people` people among the probes, and of them and others in the gallery."""
    counts = (
        ("bounding_box_train", train, 702, 0),
        ("query", query, people, 1),
        ("bounding_box_test", 17_661, 1_110, 0),
    )
    names = [
        f"{folder}/{1 + number % count_of_people:04}_c{1 + (number // count_of_people + shift) % 8}_f{number:07}.jpg"
        for folder, count, count_of_people, shift in counts
        for number in range(count)
    ]
    return names, {}


def msmt(train_folder: str, test_folder: str) -> tuple[list[str], Files]:
    parts = (
        ("list_train.txt", train_folder, 30_248, 1_041, 1),
        ("list_val.txt", train_folder, 2_373, 1_041, 2),
        ("list_query.txt", test_folder, 11_659, 3_060, 3),
        ("list_gallery.txt", test_folder, 82_161, 3_060, 4),
    )
    names, lists = [], {}
    for file, folder, count, people, part in parts:
        who = [f"{number % people:04}" for number in range(count)]
        seen_by = [1 + (number // people + part) % 15 for number in range(count)]
        paths = [
            f"{person}/{person}_000_{camera:02}_noon_{number}.jpg"
            for number, (person, camera) in enumerate(zip(who, seen_by, strict=True))
        ]
        names += [f"{folder}/{path}" for path in paths]
        lists[file] = "".join(f"{path} {path[:4]}\n" for path in paths).encode()
    return names, lists


def cuhk01() -> tuple[list[str], Files]:
    return [f"campus/{person:04}00{shot}.png" for person in range(1, 972) for shot in range(1, 5)], {}


def cuhk03(kind: str, train: int, gallery: int) -> tuple[list[str], Files]:
    people = [
        f"{pair}_{person:03}" for pair, count in enumerate((843, 440, 77, 58, 49), 1) for person in range(1, count + 1)
    ]
    sizes = [*shares(train, 767), *(2 + size for size in shares(gallery, 700))]

    def images(person: str, size: int) -> Iterator[str]:
        return (f"{person}_{1 + number // 5}_{number + 1:02}.png" for number in range(size))

    of_person = {person: list(images(person, size)) for person, size in zip(people, sizes, strict=True)}
    tested = [name for person in people[767:] for name in of_person[person]]
    new = {
        "train": [name for person in people[:767] for name in of_person[person]],
        "query": [name for name in tested if name.endswith(("_1_01.png", "_2_06.png"))],
        "gallery": [name for name in tested if not name.endswith(("_1_01.png", "_2_06.png"))],
    }

    def classic(fold: int) -> dict[str, list[str]]:
        test = set(people[100 * (fold % 13) : 100 * (fold % 13) + 100])
        both = [name for person in test for name in of_person[person]]
        train = [name for person in people if person not in test for name in of_person[person]]
        return {"train": train, "query": both, "gallery": both}

    def as_json(splits: list[dict[str, list[str]]]) -> bytes:
        rows = [{role: [[name, 0, 0] for name in names] for role, names in split.items()} for split in splits]
        return json.dumps(rows).encode()

    files = {
        f"splits_new_{kind}.json": as_json([new]),
        f"splits_classic_{kind}.json": as_json([classic(fold) for fold in range(20)]),
    }
    return [f"images_{kind}/{name}" for names in of_person.values() for name in names], files


def cuhk03_np(kind: str, train: int, gallery: int) -> tuple[list[str], Files]:
    counts = (
        ("bounding_box_train", train, 1, 767),
        ("query", 1_400, 768, 700),
        ("bounding_box_test", gallery, 768, 700),
    )
    names = [
        f"{kind}/{folder}/{first + number % people:04}_c{1 + number // people % 2}_{number}.png"
        for folder, count, first, people in counts
        for number in range(count)
    ]
    return names, {}


def grid() -> tuple[list[str], Files]:
    names = [
        f"{folder}/{person:04}_{camera}_1_1.jpeg"
        for folder, camera in (("probe", 1), ("gallery", 2))
        for person in range(1, 251)
    ]
    ids = np.arange(1, 251)
    splits = partitions([(ids[::2].tolist(), ids[1::2].tolist())] * 10, GRID_FIELDS)
    return [*names, *(f"gallery/0000_3_{number}_1.jpeg" for number in range(775))], {PARTITIONS: splits}


def viper() -> tuple[list[str], Files]:
    people = np.linspace(0, 873, 632).astype(int)
    return [
        f"cam_{camera}/{person:03}_{angle}.bmp" for camera, angle in (("a", 45), ("b", 90)) for person in people
    ], {}


def prid() -> tuple[list[str], Files]:
    counts = {"a": 385, "b": 749}
    names = [
        f"single_shot/cam_{camera}/person_{person:04}.png"
        for camera, count in counts.items()
        for person in range(1, count + 1)
    ]
    return names, {}


def ilids() -> tuple[list[str], Files]:
    return [f"Persons/{person:04}{number:03}.jpg" for person in range(1, 120) for number in range(1, 5)], {}


WHOLE = {
    "market1501": market,
    "dukemtmcreid": lambda: duke(16_522, 2_228, 702),
    "occluded-duke": lambda: duke(15_618, 2_210, 519),
    "msmt17": lambda: msmt("train", "test"),
    "msmt17-v2": lambda: msmt("mask_train_v2", "mask_test_v2"),
    "cuhk01": cuhk01,
    "cuhk03-labelled": lambda: cuhk03("labeled", 7_368, 5_328),
    "cuhk03-detected": lambda: cuhk03("detected", 7_365, 5_332),
    "cuhk03-np-labelled": lambda: cuhk03_np("labeled", 7_368, 5_328),
    "cuhk03-np-detected": lambda: cuhk03_np("detected", 7_365, 5_332),
    "grid": grid,
    "viper": viper,
    "prid2011": prid,
    "ilids": ilids,
}


def test_every_layout_with_published_counts_is_here():
    assert set(WHOLE) == {name for name, layout in LAYOUTS.items() if any(layout.published.values())}


@pytest.mark.parametrize("layout", WHOLE)
def test_a_whole_data_set_has_the_published_counts_and_a_smaller_one_is_told(layout: str):
    names, files = WHOLE[layout]()
    whole = image_table(layout, names)
    roles = roles_of(layout, whole, files)
    assert count_warnings(LAYOUTS[layout], whole, roles) == []
    assert match_warnings(LAYOUTS[layout], whole, roles) == []
    folds = roles[["protocol", "fold"]].drop_duplicates().groupby("protocol").size().to_dict()
    assert folds == LAYOUTS[layout].folds
    less = whole[whole["person"] != whole["person"].dropna().iloc[-1]].reset_index(drop=True)
    told = count_warnings(LAYOUTS[layout], less, roles_of(layout, less, files))
    assert "published are" in told[0]
