"""Self-training from both starts in containers has the results of a run in processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simpgan.components.core.results.methods import parsed
from tests.conftest import Ingested

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]
TINY = str(Path(__file__).parents[1] / "pipelines" / "tiny.yaml")
METHODS = "self-training,simpgan+self-training"


def test_self_training_in_containers(ingested: Ingested, stage_images: dict[str, str], tmp_path: Path) -> None:
    data = ["--source", f"grid:{ingested.folder / 'underground_reid'}"]
    data += ["--target", f"market1501:{ingested.folder / 'market1501'}", "--set", "evaluate.protocols=[]"]
    command = [sys.executable, "-m", "simpgan.pipelines.cli", "run", "adapt", *data, "--preset", TINY]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MLFLOW_", "SIMPGAN_"))}
    environment = {**kept, "SIMPGAN_CACHE": str(tmp_path / "cache"), "MLFLOW_TRACKING_URI": ""}
    results = {}
    for runner in ("subprocess", "docker"):
        out = tmp_path / runner
        options = ["--method", METHODS, "--seed", "2", "--runner", runner, "--out", str(out)]
        ran = subprocess.run([*command, *options], capture_output=True, text=True, env=environment, check=False)
        assert ran.returncode == 0, ran.stderr
        rows = json.loads((out / "results.json").read_text())["rows"]
        results[runner] = [{name: value for name, value in row.items() if name != "commit"} for row in rows]
    assert results["docker"] == results["subprocess"]
    assert {parsed(row["method"])[0] for row in results["docker"]} >= set(METHODS.split(","))
    assert len(list((tmp_path / "docker" / "artifacts").rglob("clusters.html"))) == 2
