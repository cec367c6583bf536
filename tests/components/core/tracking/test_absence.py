"""Refusals, a server that never answers, and several stages at once."""

import shutil
import socket
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.tracking import pipeline_run, read_history, runs, stage_run, upload_queue
from tests.components.core.tracking.stages import (
    EXPECTED,
    exit_code,
    runs_of,
    start,
    steps_of,
    train,
)


def keep_set_up(set_up_store: Path, folder: Path) -> None:
    """Have a store in `folder` already, so that a run that goes there does not wait for its tables."""
    folder.mkdir(parents=True)
    shutil.copy(set_up_store, folder / "mlflow.db")


def test_a_refused_call_costs_only_itself(
    client: MlflowClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.set_tag("not a name: \x00", "x")
        run.log_artifact(tmp_path / "absent.html")
        run.log_metrics(0, {"loss": 1.0})
    assert len(caplog.records) == 1
    assert "history.jsonl" in caplog.text
    finished = runs_of(client)["evaluate"]
    assert finished.info.status == "FINISHED"
    assert steps_of(client, finished, "loss") == [(0, 1.0)]


def test_run_id_that_does_not_exist_leaves_the_file(
    client: MlflowClient,
    set_up_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    keep_set_up(set_up_store, tmp_path / "unsent")
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.log_metrics(0, {"loss": 1.0})
    assert len(caplog.records) == 2
    assert "0" * 32 in caplog.text
    assert f"simpgan sync {tmp_path / 'unsent'} uploads it" in caplog.text
    assert len(read_history(tmp_path / "history.jsonl")) == 1


@pytest.mark.local
def test_stages_at_the_same_time_on_a_new_sqlite_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/new/mlflow.db")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pipeline_run("adapt", {}, {}):
        processes = [start(train, tmp_path / name, -1, name) for name in ("a", "b")]
        assert [exit_code(process) for process in processes] == [0, 0]
    client = MlflowClient(f"sqlite:///{tmp_path}/new/mlflow.db")
    for name in ("a", "b"):
        run = runs_of(client)[name]
        assert {key: steps_of(client, run, key) for key in EXPECTED} == EXPECTED


def test_dead_server_holds_up_the_end_only_for_a_bounded_time(
    set_up_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keep_set_up(set_up_store, tmp_path / "unsent")
    with socket.socket() as closed:  # bound, not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setitem(runs.END_SECONDS, "FINISHED", 0.5)
        monkeypatch.setattr(upload_queue, "SHORTEST_WAIT_SECONDS", 0.1)
        with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl") as run:
            run.log_metrics(0, {"loss": 1.0})
    assert read_history(tmp_path / "history.jsonl")[0].values == {"loss": 1.0}
    assert "did not answer in time" in caplog.text
