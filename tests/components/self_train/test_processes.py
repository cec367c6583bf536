"""Several processes learn from clusters as one would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

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


def test_two_processes_find_the_clusters_of_one(ingested: Ingested, tmp_path: Path) -> None:
    """Their features are shared; on a CPU, batch normalisation in a step has the statistics of a share."""
    classifier = write_classifier(tmp_path / "start")
    for name in ("together", "alone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shards").symlink_to(Path(ingested.data_root) / "shards")
    assignments = [part for name, value in {**TINY, **STEADY}.items() for part in ("--set", f"{name}={value}")]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"),
        *(sys.executable, "-m", "simpgan.pipelines.cli", "self-train", *assignments),
        *("--target", str(ingested.source), "--classifier", str(classifier)),
        *("--data-root", str(tmp_path / "together"), "--out", str(tmp_path / "two")),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    stage.run(classifier, ingested.source, tiny(**STEADY), str(tmp_path / "alone"), tmp_path / "one")
    together, alone = metrics(tmp_path / "two"), metrics(tmp_path / "one")
    assert together == pytest.approx(alone, rel=1e-2, abs=1e-3)
    assert len(list((tmp_path / "together" / "checkpoints").glob("*.jsonl"))) == 1
    weights, expected = (load_file(tmp_path / name / "model.safetensors") for name in ("two", "one"))
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-2, atol=5e-3)
