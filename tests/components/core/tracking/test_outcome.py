"""How runs end: finished, failed, killed, or killed without a word."""

import os
import signal
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import pipeline_run, stage_run
from tests.components.core.tracking.stages import (
    EXPECTED,
    exit_code,
    runs_of,
    start,
    steps_of,
    train,
    wait_until_sent,
)


def test_exception_ends_as_failed_with_its_reason(client: MlflowClient, tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        pipeline_run("adapt", {}, {}),
        stage_run("translate", settings={}, history=tmp_path / "history.jsonl") as run,
    ):
        run.log_metrics(0, {"loss": 1.0})
        raise ZeroDivisionError("no images\nat all")
    runs = runs_of(client)
    for name, kept in (("adapt", ["failure.txt"]), ("translate", ["failure.txt", "inputs.json"])):
        assert runs[name].info.status == "FAILED"
        assert runs[name].data.tags["simpgan.reason"] == "ZeroDivisionError: no images"
        assert [file.path for file in client.list_artifacts(runs[name].info.run_id)] == kept
    assert steps_of(client, runs["translate"], "loss") == [(0, 1.0)]


def test_users_error_is_the_reason_as_it_stands(client: MlflowClient, tmp_path: Path) -> None:
    with (
        pytest.raises(UserError),
        stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"),
    ):
        raise UserError("no image in DIR: give another folder")
    failed = runs_of(client)["ingest"]
    assert failed.info.status == "FAILED"
    assert failed.data.tags["simpgan.reason"] == "no image in DIR: give another folder"
    assert [file.path for file in client.list_artifacts(failed.info.run_id)] == ["inputs.json"]


def test_a_run_whose_history_cannot_be_written_to_its_end_has_failed(client: MlflowClient, tmp_path: Path) -> None:
    history = tmp_path / "history" / "history.jsonl"
    with (  # noqa: PT012
        pytest.raises(UserError, match="cannot write the metric history"),
        stage_run("train_gan", settings={}, history=history) as run,
    ):
        run.log_metrics(0, {"loss": 1.0})
        run.flush()
        run.log_metrics(1, {"loss": 2.0})
        history.unlink()
        history.parent.rmdir()
    failed = runs_of(client)["train_gan"]
    assert failed.info.status == "FAILED"
    assert "cannot write the metric history" in failed.data.tags["simpgan.reason"]


def test_a_failed_stage_that_succeeds_on_retry_is_finished(client: MlflowClient, tmp_path: Path) -> None:
    with pipeline_run("adapt", {}, {}):
        with (
            pytest.raises(RuntimeError),
            stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"),
        ):
            raise RuntimeError("once")
        with stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"):
            pass
    retried = runs_of(client)["ingest"]
    assert retried.info.status == "FINISHED"
    assert "simpgan.reason" not in retried.data.tags


@pytest.mark.local
def test_sigterm_ends_as_killed_and_keeps_what_was_measured(client: MlflowClient, tmp_path: Path) -> None:
    process = start(train, tmp_path, 25)
    wait_until_sent(client, 25)
    process.terminate()
    assert exit_code(process) == 128 + signal.SIGTERM
    run = runs_of(client)["train_gan"]
    assert run.info.status == "KILLED"
    assert run.data.tags["simpgan.reason"] == "SIGTERM"
    assert steps_of(client, run, "loss/cycle") == EXPECTED["loss/cycle"][:26]


def test_handler_of_sigterm_is_restored(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pipeline_run("adapt", {}, {}), stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_ends_a_forked_data_loader_worker_at_once(tmp_path: Path) -> None:
    with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"):
        worker = os.fork()
        if worker == 0:
            time.sleep(60)
            os._exit(0)
        time.sleep(0.1)
        os.kill(worker, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == -signal.SIGTERM


@pytest.mark.local
def test_pipeline_closes_a_stage_that_was_killed_without_a_word(client: MlflowClient, tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(RuntimeError),
        pipeline_run("adapt", {}, {}),
    ):
        process = start(train, tmp_path, 5)
        wait_until_sent(client, 5)
        process.kill()
        process.join()
        raise RuntimeError("stage train_gan failed")
    runs = runs_of(client)
    assert runs["adapt"].info.status == "FAILED"
    assert runs["train_gan"].info.status == "KILLED"
    assert "out of memory" in runs["train_gan"].data.tags["simpgan.reason"]


@pytest.mark.local
def test_runs_of_living_processes_are_left_alone(client: MlflowClient, tmp_path: Path) -> None:
    process = start(train, tmp_path, 5)
    wait_until_sent(client, 5)
    with pipeline_run("adapt", {}, {}):
        pass
    assert runs_of(client)["train_gan"].info.status == "RUNNING"
    process.kill()
    process.join()
