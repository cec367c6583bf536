"""Refusals, a server that goes away, and several stages at once."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy
import pytest
from mlflow.tracking import MlflowClient

from components.core.runtime.tracking import pipeline_run, read_history, runs, sender, stage_run
from tests.components.core.runtime.tracking.stages import (
    EXPECTED,
    exit_code,
    runs_of,
    start,
    steps_of,
    train,
)


def test_a_refused_call_costs_only_itself(
    client: MlflowClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.tag("not a name: \x00", "x")
        run.artifact(tmp_path / "absent.html")
        run.metrics(0, {"loss": 1.0})
    assert len(caplog.records) == 1
    assert "history.jsonl" in caplog.text
    finished = runs_of(client)["evaluate"]
    assert finished.info.status == "FINISHED"
    assert steps_of(client, finished, "loss") == [(0, 1.0)]


def test_run_id_that_does_not_exist_leaves_the_file(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.metrics(0, {"loss": 1.0})
    assert len(caplog.records) == 1
    assert "0" * 32 in caplog.text
    assert len(read_history(tmp_path / "history.jsonl")) == 1


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


@contextmanager
def mlflow_server(port: int, folder: Path) -> Iterator[None]:
    """A real tracking server with one worker; gone at once when the block ends, as after a crash."""
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"),
                *(f"--backend-store-uri=sqlite:///{folder}/mlflow.db", f"--artifacts-destination={folder}/files"),
            ],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                assert server.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.2)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.servers
def test_server_that_goes_away_costs_no_metric_and_does_not_block(
    set_up_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(set_up_store, tmp_path / "mlflow.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(runs, "WRITE_SECONDS", 0.0)
    picture = numpy.full((8, 8, 3), 9, numpy.uint8)
    with stage_run("train_gan", settings={"rate": 1}, history=tmp_path / "history.jsonl") as run:
        run.metrics(0, {"loss": 0.0})  # the server is not there yet
        with mlflow_server(port, tmp_path):
            client = MlflowClient(f"http://127.0.0.1:{port}")
            for step in range(1, 50):
                run.metrics(step, {"loss": step / 3})
            for _ in range(100):
                experiment = client.get_experiment_by_name("simpgan")
                found = client.search_runs([experiment.experiment_id]) if experiment else []
                if found and found[0].data.metrics:
                    break
                time.sleep(0.2)
        for step in range(50, 100):
            run.metrics(step, {"loss": step / 3})
        run.image("translation", picture, 99)
        run.flush()
        time.sleep(1)
        server = mlflow_server(port, tmp_path)
        server.__enter__()
    try:
        finished = runs_of(client)["train_gan"]
        assert finished.info.status == "FINISHED"
        assert steps_of(client, finished, "loss") == [(step, step / 3) for step in range(100)]
        assert len(client.list_artifacts(finished.info.run_id, "images")) == 2
    finally:
        server.__exit__(None, None, None)
    assert len(caplog.records) == 1
    assert "does not answer" in caplog.text


def test_dead_server_holds_up_the_end_only_for_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as closed:  # bound, not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setitem(runs.END_SECONDS, "FINISHED", 0.5)
        monkeypatch.setattr(sender, "SHORTEST_WAIT_SECONDS", 0.1)
        with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl") as run:
            run.metrics(0, {"loss": 1.0})
    assert read_history(tmp_path / "history.jsonl")[0].values == {"loss": 1.0}
    assert "did not answer in time" in caplog.text
