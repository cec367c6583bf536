"""Several processes learn from clusters as one would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from simpgan.components.core.models.camera_statistics import FEWEST
from simpgan.components.core.tracking import read_history
from simpgan.components.self_train import stage
from tests.components.self_train.data_set import TINY, tiny, write_classifier
from tests.conftest import Ingested

pytestmark = pytest.mark.local
STEADY = {"rate": 1e-6, "epochs": 1, "precision": "fp32"}
"""So small a rate that the order of sums does not decide on the clusters."""


def metrics(model: Path) -> dict[tuple[int | None, str], float]:
    return {
        (entry.step, name): value
        for entry in read_history(model / "history.jsonl")
        for name, value in entry.values.items()
        if name.startswith(("clusters/", "selected/"))
    }


LAST = """
import os, runpy, sys
from simpgan.components.self_train import observation
from simpgan.components.self_train.trainer import SelfTrainer

whole_step, last, observation.FEWEST = SelfTrainer.step, int(sys.argv.pop(1)), int(sys.argv.pop(1))


def step(self, number):
    values = whole_step(self, number)
    if number == last:
        os._exit(1)
    return values


SelfTrainer.step = step
runpy.run_module("simpgan.pipelines.cli", run_name="__main__")
"""
"""A program that ends with the step of its first argument. Cameras have statistics of their own if they have as many
images as the second says; the other arguments are those of the command."""


def data_root(ingested: Ingested, folder: Path) -> Path:
    """A data root of its own, so without checkpoints, with the shards of all."""
    folder.mkdir()
    (folder / "shards").symlink_to(Path(ingested.data_root) / "shards")
    return folder


def train_together(
    ingested: Ingested,
    classifier: Path,
    place: Path,
    out: Path,
    *,
    last: int = -1,
    few: int = FEWEST,
    **settings: object,
) -> subprocess.CompletedProcess[str]:
    """Train in two processes, which end with the step `last`."""
    assignments = [part for name, value in {**TINY, **settings}.items() for part in ("--set", f"{name}={value}")]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"),
        *(sys.executable, "-c", LAST, str(last), str(few), "self-train", *assignments),
        *("--target", str(ingested.source), "--classifier", str(classifier)),
        *("--data-root", str(place), "--out", str(out)),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_two_processes_find_the_clusters_of_one(ingested: Ingested, tmp_path: Path) -> None:
    """Their features are shared; on a CPU, batch normalisation in a step has the statistics of a share."""
    classifier = write_classifier(tmp_path / "start")
    together, alone = (data_root(ingested, tmp_path / name) for name in ("together", "alone"))
    ran = train_together(ingested, classifier, together, tmp_path / "two", **STEADY)
    assert ran.returncode == 0, ran.stderr
    stage.run(classifier, ingested.source, tiny(**STEADY), str(alone), tmp_path / "one")
    assert metrics(tmp_path / "two") == pytest.approx(metrics(tmp_path / "one"), rel=1e-2, abs=1e-3)
    assert len(list((together / "checkpoints").glob("*.jsonl"))) == 1
    weights, expected = (load_file(tmp_path / name / "model.safetensors") for name in ("two", "one"))
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-2, atol=5e-3)


def test_two_processes_killed_in_an_epoch_end_with_the_same_classifier(ingested: Ingested, tmp_path: Path) -> None:
    classifier = write_classifier(tmp_path / "start")
    undisturbed, disturbed = (data_root(ingested, tmp_path / name) for name in ("undisturbed", "disturbed"))
    settings = {
        "few": 4,
        "checkpoint_seconds": 0,
        "choose": "last",
    }  # the last epoch depends on the clusters of the first
    ran = train_together(ingested, classifier, undisturbed, tmp_path / "expected", **settings)
    assert ran.returncode == 0, ran.stderr
    assert train_together(ingested, classifier, disturbed, tmp_path / "out", last=1, **settings).returncode
    assert list((disturbed / "checkpoints").glob("*.safetensors"))
    ran = train_together(ingested, classifier, disturbed, tmp_path / "out", **settings)
    assert ran.returncode == 0, ran.stderr
    found, expected = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("out", "expected"))
    assert found == expected
