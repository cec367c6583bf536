"""Several processes train as one would; when one of them dies, the others end and the training can go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.model_folder import save_model
from simpgan.components.core.tracking import read_history
from simpgan.components.train_gan import stage
from simpgan.components.train_gan.settings import TrainGanSettings
from tests.conftest import Ingested

pytestmark = pytest.mark.local

STEPS = 6
SETTINGS = {
    "method": "simpgan-fit",
    "height": 32,
    "width": 32,
    "channels": 4,
    "blocks": 1,
    "pairs": 2,
    "steps": STEPS,
    "pool": 3,
    "average_decay": 0.9,
    "lambda_identity": 5,
    "classifier_rate": 1e-3,
    "rate": 1e-5,
    "candidates": 2,
    "gradient_norm_steps": 2,
    "precision": "fp32",
}

EVERY_STEP = SETTINGS | {"checkpoint_seconds": 0}


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=8, height=32, width=32))
    config = {"classifier": network.config.model_dump(), "source": "market1501", "protocol": "standard"}
    save_model(tmp_path / "classifier", {"classifier": network}, config)
    return tmp_path / "classifier"


def place(ingested: Ingested, folder: Path) -> Path:
    """A data root of its own, with the shards of all."""
    folder.mkdir()
    (folder / "shards").symlink_to(Path(ingested.data_root) / "shards")
    return folder


def two_processes(ingested: Ingested, classifier: Path, data_root: Path, out: Path) -> subprocess.Popen[bytes]:
    assignments = [part for name, value in EVERY_STEP.items() for part in ("--set", f"{name}={value}")]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"),
            *(sys.executable, "-m", "simpgan.pipelines.cli", "train-gan", *assignments),
            *("--source", str(ingested.source), "--target", str(ingested.target)),
            *("--classifier", str(classifier), "--data-root", str(data_root), "--out", str(out)),
        ],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )


def kill_second_process(launcher: subprocess.Popen[bytes], history_folder: Path, after_steps: int) -> None:
    """Kill the process that records nothing, once the first one has recorded that many steps."""
    while sum(path.read_bytes().count(b"\n") for path in history_folder.glob("*.jsonl")) < after_steps:
        assert launcher.poll() is None, launcher.stderr.read().decode()
        time.sleep(0.01)
    second = next(child for child in psutil.Process(launcher.pid).children() if child.environ()["RANK"] == "1")
    second.send_signal(signal.SIGKILL)


def metrics(model: Path) -> dict[tuple[int | None, str], float]:
    return {
        (entry.step, name): value
        for entry in read_history(model / "history.jsonl")
        for name, value in entry.values.items()
        if not name.startswith("speed/")
    }


def test_two_processes_train_as_one_does_even_when_one_is_killed(
    ingested: Ingested, classifier: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    first = two_processes(ingested, classifier, place(ingested, shared), tmp_path / "together")
    kill_second_process(first, shared / "checkpoints", 2)
    children = psutil.Process(first.pid).children()
    assert first.wait(timeout=120) != 0
    assert psutil.wait_procs(children, timeout=5)[1] == []
    assert not (tmp_path / "together").exists()

    again = two_processes(ingested, classifier, shared, tmp_path / "together")
    assert again.wait(timeout=300) == 0, again.stderr.read().decode()
    alone = str(place(ingested, tmp_path / "alone"))
    settings = TrainGanSettings.parse(SETTINGS)
    stage.run(ingested.source, ingested.target, classifier, settings, alone, tmp_path / "one")

    together, one = metrics(tmp_path / "together"), metrics(tmp_path / "one")
    assert together == pytest.approx(one, rel=2e-3, abs=1e-5)
    assert {name for _, name in one} >= {"loss/fitness", "loss/classifier", "gradient/similarity", "selection/score"}
    assert len(list((shared / "checkpoints").glob("*.jsonl"))) == 1
    steps = [
        entry.step for entry in read_history(tmp_path / "together" / "history.jsonl") if "loss/cycle" in entry.values
    ]
    assert steps == list(range(STEPS))
    weights, expected = (load_file(tmp_path / name / "model.safetensors") for name in ("together", "one"))
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-4)
