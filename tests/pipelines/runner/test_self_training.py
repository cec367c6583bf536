"""Self-training from both starts, as the user runs it."""

import json
import subprocess
from pathlib import Path

import pytest

from simpgan.components.core.results.methods import parsed
from simpgan.components.core.results.rows import read_results
from simpgan.pipelines.runner.run_outputs import find_parts
from simpgan.pipelines.runner.task_records import find_past_task
from tests.conftest import Ingested

pytestmark = pytest.mark.local
TINY = Path(__file__).parents[1] / "tiny.yaml"
METHODS = "self-training,simpgan+self-training"


def test_a_run_learns_from_the_target_from_both_starts(ingested: Ingested, python: str, tmp_path: Path) -> None:
    data = ["--source", f"grid:{ingested.folder / 'underground_reid'}"]
    data += ["--target", f"market1501:{ingested.folder / 'market1501'}"]
    command = [python, "-m", "simpgan.pipelines.cli", "run", "adapt", *data, "--preset", str(TINY)]
    command += ["--method", METHODS, "--set", "evaluate.protocols=[]", "--seed", "2", "--out", str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    rows = read_results(tmp_path / "out" / "results.json")
    own = [row for row in rows if parsed(row.method)[0] in METHODS.split(",")]
    parts = ["", "+adabn", "+camera-adabn", "+camera-adabn+fused", "+camera-adabn+whitened"]
    assert {row.method for row in own} == {method + part for method in METHODS.split(",") for part in parts}
    assert {(row.seed, row.protocol, row.fold) for row in own} == {(2, "standard", 0)}
    for method in METHODS.split(","):
        task = find_past_task(str(tmp_path / "out"), f"self_train {method} standard:0 (grid, seed 2)")
        assert task.parameters["method"] == method
    for method in METHODS.split(","):
        found = find_parts(tmp_path / "out", f"{method}+camera-adabn")
        config = json.loads((found.classifier / "config.json").read_text())
        assert config["adaptation"]["method"] == method
        assert (found.classifier / "clusters.html").is_file()
