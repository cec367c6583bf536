"""The runs of an experiment in MLflow that are compared, and those that are left out, each with a line."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow import MlflowClient
from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import pipeline_run
from simpgan.pipelines.cli.compare import compare
from simpgan.pipelines.reports.comparison.runs import read_runs
from tests.components.core.tracking.stages import runs_of
from tests.pipelines.reports.comparison.made import BAD, GOOD, run_folder, simpgan


@pytest.fixture
def record(client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Records a pipeline with results; returns the folder of its artifacts."""
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))

    def record(name: str) -> Path:
        folder = Path(run_folder(tmp_path / name, simpgan(GOOD)))
        with pipeline_run(name, {}, {}) as run:
            run.log_metrics({"rank-1/all250/simpgan": 75.0})
            run.log_artifact(folder / "results.json")
            run.log_artifact(folder / "probes.parquet")
        return tmp_path / "mlartifacts" / runs_of(client)[name].info.run_id / "artifacts"

    return record


def damage(results: Path) -> None:
    results.write_text('{"rows": [')


def make_older(results: Path) -> None:
    results.write_text(json.dumps({**json.loads(results.read_text()), "schema": 0}))


def make_unreadable(results: Path) -> None:
    results.unlink()
    results.symlink_to(results)  # root may read whatever its mode says


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda results: shutil.rmtree(results.parent), "its artifacts were deleted"),
        (Path.unlink, "its artifacts were deleted"),
        (damage, "is not a results file"),
        (make_older, "has schema 0, not 1"),
        (lambda results: results.with_name("probes.parquet").write_text("no table"), "is not a table of probes"),
        (make_unreadable, r"has (files that cannot be read|no results\.json)"),
    ],
)
def test_a_run_whose_results_cannot_be_read_is_left_out_and_named(
    record: Callable[[str], Path],
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], None],
    reason: str,
) -> None:
    record("good")
    spoil(record("spoilt") / "results.json")
    [run] = read_runs([], "simpgan")
    assert run.name == "good"
    [line] = [each for each in caplog.messages if "left out" in each]
    assert line.startswith("left out 'spoilt': ")
    assert "\n" not in line
    assert re.search(reason, line), line


def test_one_that_is_asked_for_by_its_id_is_refused(record: Callable[[str], Path], client: MlflowClient) -> None:
    record("good")
    shutil.rmtree(record("spoilt"))
    with pytest.raises(UserError, match=r"has no results\.json any more: its artifacts were deleted"):
        read_runs([runs_of(client)["spoilt"].info.run_id], "simpgan")


def test_files_that_are_brought_back_are_read(record: Callable[[str], Path], tmp_path: Path) -> None:
    folder = record("good")
    folder.rename(tmp_path / "away")
    assert read_runs([], "simpgan") == []
    (tmp_path / "away").rename(folder)
    assert [run.name for run in read_runs([], "simpgan")] == ["good"]


def test_a_pipeline_that_runs_is_left_out(record: Callable[[str], Path], caplog: pytest.LogCaptureFixture) -> None:
    record("good")
    with pipeline_run("slow", {}, {}) as run:
        run.wait_until_open()
        assert [each.name for each in read_runs([], "simpgan")] == ["good"]
    assert next(each for each in caplog.messages if "left out" in each).endswith("has not ended yet")


def test_that_nothing_is_left_is_said(record: Callable[[str], Path]) -> None:
    shutil.rmtree(record("spoilt"))
    with pytest.raises(UserError, match="--experiment simpgan: none of its runs has results that can be read"):
        compare([], "simpgan")


def test_the_others_are_compared_as_if_it_were_not_there(
    record: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record("good")
    shutil.rmtree(record("spoilt"))
    compare([run_folder(tmp_path / "bad", simpgan(BAD))], "simpgan")
    said = capsys.readouterr().out
    assert "spoilt" not in said
    assert "good" in said
