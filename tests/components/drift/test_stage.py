"""Cameras that stay the same, get darker, come and go; and what the stage refuses."""

import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import read_history
from simpgan.components.drift import stage
from simpgan.components.drift.camera_drift import CameraDrift
from simpgan.components.drift.settings import DriftSettings
from tests.components.drift.networks import classifier_in, manifest_of, pictures

SETTINGS = DriftSettings(sample=40, block=2, permutations=99, pictures=3, precision="fp32")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return classifier_in(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def reference(data_root: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cameras, 40 pictures each, and a fourth that will send no more."""
    return manifest_of(pictures({1: 40, 2: 40, 3: 40, 4: 12}, seed=1), tmp_path_factory.mktemp("reference"), data_root)


def darkened(camera: int, image: Image.Image) -> Image.Image:
    return image.point(lambda value: value // 2) if camera == 2 else image


@pytest.fixture(scope="module")
def output(reference: Path, classifier: Path, data_root: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The second camera in the dark, a third that sends little, the fourth silent, the fifth new."""
    folder = tmp_path_factory.mktemp("new")
    new = manifest_of(pictures({1: 40, 2: 40, 3: 1, 5: 20}, seed=2, change=darkened), folder / "manifest", data_root)
    stage.run(reference, new, classifier, SETTINGS, data_root, folder / "drift")
    return folder / "drift"


@pytest.fixture(scope="module")
def cameras(output: Path) -> dict[str, CameraDrift]:
    found = json.loads((output / "drift.json").read_text())["cameras"]
    return {each["camera"]: CameraDrift(**{name: each[name] for name in CameraDrift.model_fields}) for each in found}


def test_every_camera_is_named_with_what_became_of_it(cameras: dict[str, CameraDrift]) -> None:
    assert {name: each.status for name, each in cameras.items()} == {
        "camera 1": "same",
        "camera 2": "changed",
        "camera 3": "few",
        "camera 4": "silent",
        "camera 5": "new",
    }
    counts = {name: (each.reference, each.new, each.compared) for name, each in cameras.items()}
    assert counts == {
        "camera 1": (40, 40, 40),
        "camera 2": (40, 40, 40),
        "camera 3": (40, 1, 0),
        "camera 4": (12, 0, 0),
        "camera 5": (0, 20, 20),
    }


def test_a_camera_with_other_people_is_within_what_chance_does(cameras: dict[str, CameraDrift]) -> None:
    same = cameras["camera 1"]
    assert same.p is not None
    assert same.ratio is not None
    assert same.p > SETTINGS.threshold
    assert same.ratio < 1.5
    assert str(same).startswith("camera 1 looks as before; its new images are ")


def test_a_camera_in_the_dark_is_found_and_the_dark_named(cameras: dict[str, CameraDrift]) -> None:
    changed = cameras["camera 2"]
    assert changed.ratio is not None
    assert changed.ratio > 2
    assert changed.p == pytest.approx(1 / (1 + SETTINGS.permutations))
    brightness = changed.measures["brightness"]
    assert brightness.now == pytest.approx(brightness.before / 2, rel=0.15)
    assert changed.causes[0].startswith(("darker", "flatter"))
    assert any(cause.startswith("darker (brightness") for cause in changed.causes)
    assert changed.measures["height"].effect == 0
    assert str(changed).startswith("camera 2 has changed: ")


def test_new_and_silent_cameras_have_no_past_to_be_held_against(cameras: dict[str, CameraDrift]) -> None:
    new, silent, few = (cameras[f"camera {number}"] for number in (5, 4, 3))
    assert (new.distance, new.p) == (None, None)
    assert new.distance_to_all is not None
    assert new.distance_to_all > 0
    assert str(new).startswith("camera 5 was not there before, and has 20 images")
    assert str(silent) == "camera 4 has no new image; before it had 12"
    assert str(few) == "camera 3 cannot be judged: 40 images before and 1 new ones, but at least 10 of each are needed"


def test_the_result_says_what_it_was_made_from(output: Path) -> None:
    document = json.loads((output / "drift.json").read_text())
    assert document["schema"] == 1
    assert document["changed"] is True
    assert document["settings"] == SETTINGS.model_dump()
    assert {len(document[name]) for name in ("reference", "new", "classifier")} == {64}


def test_the_page_has_a_chart_and_pictures_and_needs_nothing_else(output: Path) -> None:
    page = (output / "drift.html").read_text()
    assert "<h1>Camera 2 has changed.</h1>" in page
    assert "Camera 4 has no new image; before it had 12." in page
    assert page.count('class="crop"') == 3 * 3 * 3  # rows of three pictures of the three cameras that were looked at
    assert 'src="data:image/svg+xml' in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_figures_are_tracked(output: Path) -> None:
    tracked = {name: value for entry in read_history(output / "history.jsonl") for name, value in entry.values.items()}
    assert {name: tracked[f"drift/{name}"] for name in ("changed", "new", "silent", "few")} == {
        "changed": 1,
        "new": 1,
        "silent": 1,
        "few": 1,
    }
    assert tracked["drift/ratio/camera 2"] > 2
    assert all(math.isfinite(value) for value in tracked.values())


def test_a_merged_manifest_is_compared_by_what_is_new_in_it(
    reference: Path, classifier: Path, data_root: str, tmp_path: Path
) -> None:
    """Other pictures of the same half of the network, and all those that are known."""
    before = pictures({1: 40, 2: 40, 3: 40, 4: 12}, seed=1)
    merged = manifest_of([*before, *pictures({1: 12}, seed=3)], tmp_path / "merged", data_root)
    found = {
        each.camera: each for each in stage.run(reference, merged, classifier, SETTINGS, data_root, tmp_path / "out")
    }
    assert (found["camera 1"].new, found["camera 1"].status) == (12, "same")
    assert [found[f"camera {number}"].status for number in (2, 3, 4)] == ["silent"] * 3


def test_the_same_images_again_are_refused(reference: Path, classifier: Path, data_root: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="station, the new manifest, has no images that the reference lacks"):
        stage.run(reference, reference, classifier, SETTINGS, data_root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_networks_without_a_common_camera_are_refused(
    reference: Path, classifier: Path, data_root: str, tmp_path: Path
) -> None:
    other = manifest_of(pictures({6: 2}, seed=4), tmp_path / "other", data_root, dataset="harbour")
    message = r"both station \(camera 1, .*\) and harbour \(camera 6\): give manifests of one network"
    with pytest.raises(UserError, match=message):
        stage.run(reference, other, classifier, SETTINGS, data_root, tmp_path / "out")


def test_a_network_that_has_only_new_cameras_since_is_no_mistake(
    reference: Path, classifier: Path, data_root: str, tmp_path: Path
) -> None:
    new = manifest_of(pictures({6: 12}, seed=4), tmp_path / "new", data_root)
    found = stage.run(reference, new, classifier, SETTINGS, data_root, tmp_path / "out")
    assert {each.camera: each.status for each in found}["camera 6"] == "new"
    assert {each.status for each in found} == {"new", "silent"}


def test_a_model_that_is_no_classifier_is_refused(reference: Path, data_root: str, tmp_path: Path) -> None:
    new = manifest_of(pictures({1: 2}, seed=5), tmp_path / "new", data_root)
    with pytest.raises(UserError, match="no model in"):
        stage.run(reference, new, tmp_path / "new", SETTINGS, data_root, tmp_path / "out")


def test_a_classifier_of_another_size_gets_images_of_that_size(reference: Path, data_root: str, tmp_path: Path) -> None:
    """Images are resized to what it was trained on."""
    torch.manual_seed(1)
    classifier = classifier_in(tmp_path / "classifier", height=48, width=48)
    new = manifest_of(pictures({2: 20}, seed=6, change=darkened), tmp_path / "new", data_root)
    found = stage.run(reference, new, classifier, SETTINGS, data_root, tmp_path / "out")
    changed = next(each for each in found if each.camera == "camera 2")
    assert changed.compared == 20
    assert changed.ratio is not None
    assert changed.ratio > 1.2
