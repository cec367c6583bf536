"""Going on from the model in use, on this machine: from new images to a candidate, twice at the same time."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.model_folder import model_digest
from simpgan.components.core.registry.adaptation import load_adaptation
from simpgan.components.core.registry.model_registry import ModelRegistry
from simpgan.components.watch.known import fetch_known
from tests.conftest import Ingested
from tests.pipelines.champions import register

TINY = Path(__file__).parents[1] / "tiny.yaml"
TWICE = ["translate", "evaluate"]
"""By the champion, too."""
STAGES = sorted(["watch", "champion", "ingest_part", "merge", "drift", "train_gan", *TWICE, *TWICE, "propose"])


@dataclass(frozen=True)
class Station:
    """Cameras whose images come into `folder`, and a model in use that knows some of them.

    Attributes:
        python: the program that starts runs.
    """

    folder: Path
    data_root: str
    images: list[Path]
    python: str

    def add(self, count: int, camera: str = "gate 3") -> None:
        """Images that nobody has seen: mirrored ones."""
        place = self.folder / camera
        place.mkdir(exist_ok=True)
        there = len(list(place.iterdir()))
        for number, path in enumerate(self.images[there : there + count], there):
            with Image.open(path) as image:
                ImageOps.mirror(image).save(place / f"{number}.jpg")


@pytest.fixture
def station(client, ingested: Ingested, tmp_path: Path, python: str) -> Station:
    """The champion is an adaptation by SimPGAN; the store is that of `client`."""
    return station_of(ingested, tmp_path, python, "simpgan")


def station_of(ingested: Ingested, tmp_path: Path, python: str, method: str) -> Station:
    """Cameras with an adaptation by a method as champion."""
    images = sorted((ingested.folder / "underground_reid").glob("*/*.jpeg"))
    folder = tmp_path / "station"
    for path in images:
        camera = folder / f"gate {int(path.name.split('_')[1]) % 2}"
        camera.mkdir(parents=True, exist_ok=True)
        (camera / path.name).write_bytes(path.read_bytes())
    register(ingested, str(folder), tmp_path, method)
    return Station(folder, ingested.data_root, images, python)


def start(station: Station, out: Path, *more: str) -> subprocess.Popen:
    options = ["--out", str(out), "--data-root", station.data_root, "--preset", str(TINY), "--threshold", "3", *more]
    command = [station.python, "-m", "simpgan.pipelines.cli", "run", "retrain", str(station.folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})


def ended(process: subprocess.Popen) -> tuple[str, list[str]]:
    """What a run that went well has said, and its stages."""
    said, progress = process.communicate(timeout=1200)
    assert process.returncode == 0, progress
    return said, [line.removesuffix(" ...") for line in progress.splitlines() if line.endswith(" ...")]


def data_sets(client) -> dict[str, set[str]]:
    """What for the last run of every stage had its data sets, as MLflow lists them.

    Of two runs at a time, one may find that the other has made what it was to make, so merge's are taken together.
    """
    found: dict[str, set[str]] = {}
    for run in reversed(client.search_runs(["1"], "tags.`simpgan.stage` != ''")):
        stage = run.data.tags["simpgan.stage"]
        of_run = {tag.value for each in run.inputs.dataset_inputs for tag in each.tags}
        found[stage] = of_run | (found.get(stage, set()) if stage == "merge" else set())
    return found


@pytest.mark.local
def test_two_runs_at_a_time_make_one_candidate_and_the_next_has_nothing_to_do(station: Station, client, tmp_path: Path):
    station.add(4)
    started = [start(station, tmp_path / name, "--method", "simpgan") for name in ("one", "two")]
    for said, stages in map(ended, started):
        # Networks that were hardly trained: whether the gate lets them through is chance.
        assert re.search(r"^simpgan version 2 (passed|refused): score .* of the champion", said, re.MULTILINE)
        assert "gate 3 " in said, "the camera that sends new images is named"
        page = re.search(r"^The page of drift: +(.*)$", said, re.MULTILINE)
        assert page
        assert Path(page[1]).is_file()
        assert stages[0].startswith("watch")
        assert sorted(stage.partition(" ")[0] for stage in stages) == STAGES
    candidate = ModelRegistry().version("candidate")
    assert [version.number for version in ModelRegistry().versions()] == [2, 1]
    ModelRegistry().fetch("candidate", tmp_path / "candidate")
    target = Manifest.load(tmp_path / "candidate/target")
    assert target.dataset == "station"
    assert len(target.images) == len(station.images) + 4
    assert len(list(read_images(station.data_root, target, np.arange(len(target.images))))) == len(target.images)
    trained = json.loads((tmp_path / "candidate/translator/config.json").read_text())
    before = ModelRegistry().fetch("champion", tmp_path / "champion")
    assert before.number == 1
    assert trained["inputs"]["target"] == target.digest
    assert "initial" in trained["inputs"]
    assert candidate.tags["simpgan.verdict.against"] == "1"

    read = data_sets(client)
    assert read["watch"] == {"known"}
    assert read["merge"] == {"part", "known", "made"}
    assert read["drift"] == {"reference", "new"}
    assert read["propose"] == read["train_gan"] == {"train"}

    station.add(2)
    said, stages = ended(start(station, tmp_path / "one", "--method", "simpgan"))
    assert "Nothing to do: there are not enough new images." in said
    assert [stage.partition(" ")[0] for stage in stages] == ["watch"], "the candidate knows all but two"


@pytest.mark.local
def test_a_new_camera_gets_statistics_of_its_own_for_each_joined_classifier(
    station: Station, ingested: Ingested, tmp_path: Path
):
    """Those of the other cameras, which have too few images, stay those of the whole set."""
    (tmp_path / "joined").mkdir()
    register(ingested, str(station.folder), tmp_path / "joined", "adabn+joined")
    station.add(20)
    said, stages = ended(start(station, tmp_path / "one", "--method", "camera-adabn+joined"))
    assert "simpgan version 3 " in said
    assert not {"train_gan", "translate"} & {stage.partition(" ")[0] for stage in stages}
    ModelRegistry().fetch("candidate", tmp_path / "candidate")
    candidate = load_adaptation(tmp_path / "candidate")
    assert (candidate.description.method, candidate.translator) == ("camera-adabn+joined", None)
    [(_, of_companion)] = candidate.companions
    for statistics in (candidate.statistics, of_companion):
        assert statistics is not None
        assert list(statistics.by_camera) == ["gate 3"]
        assert statistics.images == {"gate 0": 12, "gate 1": 11, "gate 3": 20}


def test_a_champion_with_a_translator_does_not_go_on_without_it(station: Station, tmp_path: Path):
    with pytest.raises(
        UserError, match="is simpgan, and camera-adabn does not go on from that: give --method simpgan, or promote an"
    ):
        fetch_known("simpgan", "camera-adabn", str(station.folder), tmp_path / "known")


def test_without_a_champion_the_way_to_one_is_told(client, tmp_path: Path):
    with pytest.raises(UserError) as refused:
        fetch_known("simpgan", "simpgan", "/drop", tmp_path / "known")
    assert str(refused.value) == (
        "MLflow has no champion of 'simpgan' to continue from: use simpgan run adapt --target "
        "cameras:/drop, then simpgan propose and simpgan promote"
    )


def test_a_champion_of_another_layout_is_refused(client, ingested: Ingested, tmp_path: Path):
    register(ingested, str(ingested.folder / "underground_reid"), tmp_path, "adabn", layout="grid")
    with pytest.raises(UserError, match="version 1 is adapted to station, which is no folder of cameras"):
        fetch_known("simpgan", "adabn", "/drop", tmp_path / "known")


def test_a_champion_without_a_translator_goes_on_by_adabn_only(client, ingested: Ingested, tmp_path: Path):
    (tmp_path / "drop/a").mkdir(parents=True)
    for path in sorted((ingested.folder / "underground_reid/probe").iterdir()):
        (tmp_path / "drop/a" / path.name).write_bytes(path.read_bytes())
    register(ingested, str(tmp_path / "drop"), tmp_path, "adabn")
    with pytest.raises(
        UserError, match="version 1 is adabn, which has no translator to continue from: give --method camera-adabn"
    ):
        fetch_known("simpgan", "simpgan", "/drop", tmp_path / "known")
    assert fetch_known("simpgan", "adabn", "/drop", tmp_path / "known").dataset == "station"
    with pytest.raises(UserError, match="version 1 is adabn, the features of a single classifier: give --method adabn"):
        fetch_known("simpgan", "adabn+joined", "/drop", tmp_path / "known")


@pytest.mark.local
def test_the_champion_goes_on_by_self_training_and_then_from_what_it_has_learned(
    client, ingested: Ingested, tmp_path: Path, python: str
):
    station = station_of(ingested, tmp_path, python, "camera-adabn")
    for number, count in ((2, 18), (3, 5)):
        station.add(count)
        before = ModelRegistry().fetch("champion", tmp_path / f"champion {number}")
        options = ["--method", "self-training+camera-adabn"]
        said, stages = ended(start(station, tmp_path / f"run {number}", *options))
        assert re.search(rf"^simpgan version {number} (passed|refused): score .* of the champion", said, re.MULTILINE)
        assert "self_train" in {stage.partition(" ")[0] for stage in stages}
        candidate = ModelRegistry().fetch("candidate", tmp_path / f"candidate {number}")
        adaptation = load_adaptation(tmp_path / f"candidate {number}")
        assert adaptation.description.method == "self-training+camera-adabn"
        learned = json.loads((tmp_path / f"candidate {number}/classifier/config.json").read_text())
        assert learned["inputs"]["classifier"] == model_digest(tmp_path / f"champion {number}/classifier")
        assert learned["adaptation"]["method"] == "self-training"
        assert before.number == number - 1
        ModelRegistry().promote(candidate)
    with pytest.raises(UserError, match=r"is self-training\+camera-adabn, and adabn does not go on from that: give"):
        fetch_known("simpgan", "adabn", "/drop", tmp_path / "known")
