"""The sample of images: people by their cameras, cameras by their images."""

import numpy as np
import pandas as pd
import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.pipelines.reports.data_set.contact_sheet import (
    CAMERAS,
    CROPS,
    PEOPLE,
    Strip,
    camera_strips,
    people_strips,
)
from tests.pipelines.reports.data_set.made import data_set


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def large() -> Manifest:
    """2,000 images of 50 people by 40 cameras, 12 images by nobody known."""
    draw = np.random.default_rng(1)
    images = {
        "name": [f"{number:04}" for number in range(2000)],
        "shard": "s",
        "position": range(2000),
        "sha256": "0",
        "width": 64,
        "height": 128,
        "person": pd.array(draw.integers(1, 51, 2000), dtype="Int64"),
        "camera": draw.integers(1, 41, 2000),
        "time": pd.NA,
    }
    images["person"][:12] = pd.NA
    return Manifest("large", pd.DataFrame(images), pd.DataFrame(columns=["image", "protocol", "fold", "role"]))


def test_people_whom_several_cameras_see_are_shown_once_by_each():
    """Person 3, seen by one camera, is left out."""
    first, second = people_strips(data_set(), random())
    assert (first.title, first.captions) == ("person 1: 3 images", ["camera 1", "camera 2"])
    assert first.rows in ([0, 2], [1, 2])
    assert second == Strip("person 2: 2 images", [3, 4], ["camera 1", "camera 10"])


def test_without_cameras_people_are_shown_by_several_images():
    first, second = people_strips(data_set({"camera": pd.NA}), random())
    assert (first.title, sorted(first.rows)) == ("person 1: 3 images", [0, 1, 2])
    assert (second.title, second.captions) == ("person 2: 2 images", ["unknown camera"] * 2)


def test_without_people_there_are_cameras_only():
    unlabelled = data_set({"person": pd.NA})
    assert people_strips(unlabelled, random()) == []
    strips = camera_strips(unlabelled, random())
    assert [strip.title for strip in strips] == [
        "camera 1: 3 images",
        "camera 2: 3 images",
        "camera 10: 1 image",
        "unknown camera: 1 image",
    ]
    assert [strip.rows for strip in strips] == [[0, 1, 3], [2, 5, 6], [4], [7]]


def test_people_and_cameras_are_called_by_their_names():
    named = data_set(
        {
            "person_name": ["Ann", "Ann", "Ann", "Bo", "Bo", "", "", ""],
            "camera_name": ["gate", "gate", "hall", "gate", "roof", "hall", "hall", ""],
        }
    )
    assert [strip.title for strip in people_strips(named, random())] == ["Ann: 3 images", "Bo: 2 images"]
    hall = next(strip for strip in camera_strips(named, random()) if strip.title == "hall: 3 images")
    assert hall.captions == ["Ann", "person 3", "unknown person"]


@pytest.mark.parametrize(("strips_of", "most"), [(people_strips, PEOPLE), (camera_strips, CAMERAS)])
def test_a_large_data_set_is_sampled_by_the_seed(strips_of, most: int):
    manifest = large()
    strips = strips_of(manifest, random(3))
    assert len(strips) == most
    assert all(len(set(strip.rows)) == len(strip.rows) == CROPS for strip in strips)
    assert strips == strips_of(manifest, random(3))
    assert strips != strips_of(manifest, random(4))


def test_every_crop_is_what_its_strip_says():
    manifest = large()
    for strip in people_strips(manifest, random()):
        images = manifest.images.iloc[strip.rows]
        assert {f"person {person}" for person in images["person"]} == {strip.title.partition(":")[0]}
        assert [f"camera {camera}" for camera in images["camera"]] == strip.captions
        assert images["camera"].is_unique
    for strip in camera_strips(manifest, random()):
        images = manifest.images.iloc[strip.rows]
        assert {f"camera {camera}" for camera in images["camera"]} == {strip.title.partition(":")[0]}
