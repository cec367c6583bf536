"""The pipeline `adapt` from the command line to the files of results, on generated data, all stages real."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from components.core.results.rows import read_results
from components.core.results.summary import final_figures
from components.core.runtime.errors import UserError
from components.train_gan.settings import TrainGanSettings
from pipelines.demo_data import SOURCE_FOLDER, TARGET_FOLDER, generate
from pipelines.run_adapt import Adaptation, DataSet, plan

TINY = str(Path(__file__).with_name("tiny.yaml"))
GRID = DataSet("grid", "somewhere", "grid")


def simpgan(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, apart from this one's tracking server."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "SIMPGAN"))}
    command = [sys.executable, "-m", "pipelines.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def cameras(tmp_path_factory):
    """Options for the two generated camera networks."""
    folder = tmp_path_factory.mktemp("cameras")
    generate(folder, 0, source_identities=6, target_identities=4)
    return ["--source", f"market1501:{folder / SOURCE_FOLDER}", "--target", f"grid:{folder / TARGET_FOLDER}"]


@pytest.fixture(scope="module")
def finished(cameras, tmp_path_factory):
    """A finished run: its folder, its command, and what it printed."""
    out = tmp_path_factory.mktemp("run") / "out"
    command = ["run", "adapt", *cameras, "--preset", TINY, "--protocol", "all250", "--seed", "5", "--out", out]
    ran = simpgan(*command)
    assert ran.returncode == 0, ran.stderr
    return out, command, ran


@pytest.mark.local
def test_a_run_leaves_results_report_settings_and_prints_the_table(finished):
    out, _, ran = finished
    rows = json.loads((out / "results.json").read_text())["rows"]
    assert {row["method"].split("+")[0] for row in rows} == {"direct", "adabn", "simpgan"}
    assert {(row["source"], row["target"], row["protocol"]) for row in rows} == {("market1501", "grid", "all250")}
    assert {row["seed"] for row in rows} == {5}
    assert "SimPGAN" in (out / "report.html").read_text()
    assert "seed: 5" in (out / "settings.yaml").read_text()
    for said in ("SimPGAN finds the right person first for", "rank-1", str(out / "report.html")):
        assert said in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


@pytest.mark.local
def test_the_runs_of_the_stages_nest_under_that_of_the_pipeline(finished):
    out, _, _ = finished
    with sqlite3.connect(out / "mlflow.db") as store:
        runs = store.execute(
            "select name, status, value from runs left join tags"
            " on tags.run_uuid = runs.run_uuid and key = 'mlflow.parentRunId'"
        ).fetchall()
        (pipeline,) = store.execute("select run_uuid from runs where name = 'adapt'").fetchone()
    assert len(runs) == 7
    assert {status for _, status, _ in runs} == {"FINISHED"}
    assert {parent for name, _, parent in runs if name != "adapt"} == {pipeline}
    with sqlite3.connect(out / "mlflow.db") as store:
        figures = dict(store.execute("select key, value from metrics where run_uuid = ?", (pipeline,)).fetchall())
    assert figures == pytest.approx(final_figures(read_results(out / "results.json")))


@pytest.mark.local
def test_a_second_run_does_nothing_again(finished):
    out, command, ran = finished
    before = (out / "results.json").read_bytes()
    again = simpgan(*command)
    assert again.returncode == 0
    assert [line.endswith(": from cache") for line in again.stderr.splitlines()] == [True] * 6
    assert again.stdout == ran.stdout
    assert (out / "results.json").read_bytes() == before


@pytest.mark.local
def test_what_a_stage_refuses_ends_the_run_in_one_line(tmp_path, cameras):
    (tmp_path / "empty").mkdir()
    ran = simpgan("run", "adapt", *cameras, "--source", f"market1501:{tmp_path / 'empty'}", "--out", tmp_path / "out")
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith("simpgan: ")
    assert str(tmp_path / "empty") in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "out" / "results.json").exists()


def test_every_method_is_trained_on_every_protocol():
    adaptations = plan(TrainGanSettings(), ["simpgan", "gan"], ["folds10:3", "all250"], GRID)
    assert adaptations == [
        Adaptation("simpgan", "folds10", 3),
        Adaptation("gan", "folds10", 3),
        Adaptation("simpgan", "all250", 0),
        Adaptation("gan", "all250", 0),
    ]


def test_what_is_not_asked_for_comes_from_the_settings_and_nothing_is_trained_twice():
    settings = TrainGanSettings(method="cyclegan", protocol="folds10", fold=2)
    assert plan(settings, [], [], GRID) == [Adaptation("cyclegan", "folds10", 2)]
    assert plan(settings, ["gan", "gan"], ["all250", "all250:0"], GRID) == [Adaptation("gan", "all250", 0)]


def test_a_fold_that_is_not_there_is_refused_before_anything_starts():
    with pytest.raises(UserError, match="grid, protocol 'folds10', has no fold 10: they go from 0 to 9"):
        plan(TrainGanSettings(), [], ["folds10:10"], GRID)


def test_a_method_that_the_settings_forbid_is_refused_before_anything_starts():
    with pytest.raises(UserError, match="method simpgan needs lambda_similarity above 0"):
        plan(TrainGanSettings(method="cyclegan", lambda_similarity=0), ["cyclegan", "simpgan"], [], GRID)
