"""Runs on a server as a team has it: killed and retried, many at once, a server that stops, a wrong password."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.tracking import pipeline_run, runs, stage_run
from tests.components.core.tracking.stages import (
    EXPECTED,
    exit_code,
    history_on_disk,
    runs_of,
    start,
    steps_of,
    train,
    wait_until_sent,
)
from tests.servers.mlflow import MlflowServer

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("SIGTERM", "KILLED", "SIGTERM"),
        ("SIGKILL", "RUNNING", None),
        ("memory", "FAILED", "MemoryError"),
    ],
)
def test_a_training_that_was_cut_off_is_whole_after_the_retry(
    tracking_server: MlflowClient, tmp_path: Path, end: str, status: str, reason: str | None
) -> None:
    with pipeline_run("adapt", {}, {}):
        cut_off = start(train, tmp_path, 25, "train_gan", end == "memory")
        wait_until_sent(tracking_server, 25)  # beyond the checkpoint, which is of step 19
        if end != "memory":
            assert cut_off.pid
            cut_off.kill() if end == "SIGKILL" else cut_off.terminate()
        assert exit_code(cut_off) == {"SIGTERM": 128 + signal.SIGTERM, "SIGKILL": -signal.SIGKILL, "memory": 1}[end]
        left = runs_of(tracking_server)["train_gan"]
        assert left.info.status == status
        assert (left.data.tags.get("simpgan.reason") or "").partition(":")[0] == (reason or "")
        assert exit_code(start(train, tmp_path)) == 0

    found = runs_of(tracking_server)
    assert {name: run.info.status for name, run in found.items()} == {"adapt": "FINISHED", "train_gan": "FINISHED"}
    assert "simpgan.reason" not in found["train_gan"].data.tags
    assert {name: steps_of(tracking_server, found["train_gan"], name) for name in EXPECTED} == EXPECTED
    assert history_on_disk(tmp_path / "history.jsonl") == EXPECTED


def test_fifty_runs_at_once_are_all_whole(
    tracking_server: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(runs.END_SECONDS, "FINISHED", 300.0)  # on a machine that is busy

    def record(number: int) -> None:
        history = tmp_path / f"{number}.jsonl"
        with stage_run("train_gan", settings={"seed": number}, history=history, label=f"train_gan {number}") as run:
            for step in range(100):
                run.log_metrics(step, {"loss/cycle": number + step / 3, "loss/gan": -step})
            run.log_summary({"cmc/rank-1": number})

    with pipeline_run("table1", {}, {}), ThreadPoolExecutor(50) as pool:
        list(pool.map(record, range(50)))

    found = runs_of(tracking_server)
    assert not [record for record in caplog.records if record.name.startswith("simpgan")]
    assert len(found) == 51
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    parent = found.pop("table1").info.run_id
    for number in range(50):
        run = found[f"train_gan {number}"]
        assert run.data.tags["mlflow.parentRunId"] == parent
        assert run.data.params == {"train_gan.seed": str(number)}
        metrics = {name: value for name, value in run.data.metrics.items() if not name.startswith("system/")}
        assert metrics == {"loss/cycle": number + 33.0, "loss/gan": -99.0, "cmc/rank-1": number}
        assert steps_of(tracking_server, run, "loss/cycle") == [(step, number + step / 3) for step in range(100)]


def test_a_server_that_stops_for_a_minute_costs_no_metric_and_no_time(
    mlflow_server: MlflowServer,
    tracking_server: MlflowClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The training never waits: no call takes more than a small part of the time for which the server is away."""
    monkeypatch.setattr(runs, "WRITE_SECONDS", 0.0)
    monkeypatch.setitem(runs.END_SECONDS, "FINISHED", 300.0)  # on a machine that is busy
    picture = numpy.full((8, 8, 3), 9, numpy.uint8)
    longest = 0.0
    steps = 0

    def do_steps(run: runs.StageRun, seconds: float) -> None:
        nonlocal longest, steps
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.05)  # the training's own work
            started = time.monotonic()
            run.log_metrics(steps, {"loss/cycle": steps / 3})
            longest = max(longest, time.monotonic() - started)
            steps += 1

    history = tmp_path / "history.jsonl"
    with stage_run("train_gan", settings={"rate": 1}, history=history) as run:
        do_steps(run, 1)
        wait_until_sent(tracking_server, steps - 1)
        mlflow_server.stop()
        try:
            with stage_run("pretrain", settings={}, history=tmp_path / "other.jsonl") as begun_meanwhile:
                do_steps(run, 60)
                begun_meanwhile.log_metrics(0, {"loss": 1.0})
                run.log_image("translation", picture, steps)
                run.flush()
                mlflow_server.start()
        finally:
            mlflow_server.start()
        do_steps(run, 1)

    assert longest < 5
    found = runs_of(tracking_server)
    assert {name: each.info.status for name, each in found.items()} == {"train_gan": "FINISHED", "pretrain": "FINISHED"}
    assert steps_of(tracking_server, found["train_gan"], "loss/cycle") == [(step, step / 3) for step in range(steps)]
    assert len(tracking_server.list_artifacts(found["train_gan"].info.run_id, "images")) == 2  # full and small
    assert steps_of(tracking_server, found["pretrain"], "loss") == [(0, 1.0)]
    assert [record.message.partition(":")[0] for record in caplog.records] == ["MLflow does not answer, trying on"] * 2


def test_a_wrong_password_is_one_clear_line_and_costs_no_metric(
    tracking_server: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.log_metrics(0, {"loss": 1.0})
    record, kept = caplog.records
    assert kept.message == f"what MLflow lacks is kept: simpgan sync {tmp_path}/unsent uploads it"
    assert record.message == (
        "MLflow left out the run: it does not take this user and password: check "
        f"MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; every metric is in {tmp_path}/history.jsonl"
    )
    assert history_on_disk(tmp_path / "history.jsonl") == {"loss": [(0, 1.0)]}
