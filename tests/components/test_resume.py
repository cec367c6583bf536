"""A training that is killed at any moment and started again ends where the undisturbed one does, bit for bit."""

import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from simpgan.components.core.tracking import read_history
from tests.conftest import Ingested

pytestmark = pytest.mark.local

PRETRAIN = ["backbone=resnet18", "weights=none", "height=32", "width=32", "pairs=4", "epochs=2", "crop_padding=2"]
TRAIN_GAN = ["height=32", "width=32", "channels=4", "blocks=1", "pairs=1", "steps=24", "pool=4", "average_decay=0.9"]
EVERY_STEP = ["checkpoint_seconds=0"]
KILLS = 3
ENVIRONMENT = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}


def command(python: str, stage: str, out: Path, data_root: Path, options: list[str], settings: list[str]) -> list[str]:
    assignments = [part for setting in settings + EVERY_STEP for part in ("--set", setting)]
    return [
        *(python, "-m", "simpgan.pipelines.cli", stage, *options),
        *("--data-root", str(data_root), "--out", str(out), *assignments),
    ]


def run_and_kill(line: list[str], history_folder: Path, after_steps: int) -> bool:
    """Run a command, kill it once it has recorded that many steps; whether it was still running then."""
    before = steps_recorded(history_folder)
    process = subprocess.Popen(line, env=ENVIRONMENT, stderr=subprocess.PIPE)
    while process.poll() is None:
        if steps_recorded(history_folder) >= before + after_steps:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
    assert process.returncode == 0, process.stderr.read().decode()
    return False


def steps_recorded(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl")) if folder.is_dir() else 0


def numbers(model: Path) -> list[tuple[int, dict[str, float]]]:
    """The history without what depends on the clock."""
    return [
        (entry.step, {name: value for name, value in entry.values.items() if not name.startswith("speed/")})
        for entry in read_history(model / "history.jsonl")
    ]


@pytest.mark.parametrize("stage", ["pretrain", "train-gan"])
def test_killed_training_ends_bit_identical(ingested: Ingested, python: str, tmp_path: Path, stage: str) -> None:
    options = ["--source", str(ingested.source)]
    settings = PRETRAIN
    if stage == "train-gan":
        classifier = tmp_path / "classifier"
        line = command(python, "pretrain", classifier, Path(ingested.data_root), options, [*PRETRAIN, "epochs=1"])
        subprocess.run(line, check=True, env=ENVIRONMENT)
        options += ["--target", str(ingested.target), "--classifier", str(classifier)]
        settings = TRAIN_GAN
    ends = {}
    for name in ("undisturbed", "killed"):
        data_root = tmp_path / name
        (data_root).mkdir()
        (data_root / "shards").symlink_to(Path(ingested.data_root) / "shards")
        line = command(python, stage, tmp_path / f"{name}-model", data_root, options, settings)
        kills = 0
        moments = random.Random(stage)
        if name == "killed":
            while kills < KILLS and run_and_kill(line, data_root / "checkpoints", moments.randint(1, 6)):
                kills += 1
            assert kills == KILLS
        assert not run_and_kill(line, data_root / "checkpoints", 10**9)
        ends[name] = tmp_path / f"{name}-model"
    undisturbed, killed = ends["undisturbed"], ends["killed"]
    assert (undisturbed / "model.safetensors").read_bytes() == (killed / "model.safetensors").read_bytes()
    assert numbers(undisturbed) == numbers(killed)
    assert json.loads((undisturbed / "config.json").read_text()) == json.loads((killed / "config.json").read_text())
