"""`submit --wait`: the server retries a run that failed, and only one for which that can help."""

import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import close_pipeline, open_pipeline, parent_run, stage_run
from simpgan.components.core.tracking.outcome import RunOutcome
from simpgan.pipelines.cluster.follow import RunCancelled
from simpgan.pipelines.cluster.retrying import follow_with_retries
from simpgan.pipelines.runner.errors import StageFailed
from tests.pipelines.cluster.compiling import compiled
from tests.pipelines.words import words

SUCCEEDED, FAILED, RUNNING = ({"state": state} for state in ("SUCCEEDED", "FAILED", "RUNNING"))


@pytest.fixture
def run_id(server):
    return server.start(server.upload(compiled(words)), {"first": "a", "others": []}, "words", "trials")


@pytest.fixture
def store(tmp_path, monkeypatch, run_id):
    """A client of a store of runs, which pods of the run record in."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("KFP_RUN_ID", run_id)
    monkeypatch.setenv("SIMPGAN_PIPELINE", "words")
    monkeypatch.setattr(parent_run, "SETTLING_SECONDS", 0.0)
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


def test_a_run_that_fails_is_retried_until_it_succeeds(kubeflow, server, run_id, capsys):
    kubeflow.progress = [RUNNING, FAILED, RUNNING, FAILED, SUCCEEDED]
    follow_with_retries(server, run_id, 2, between=0)
    assert kubeflow.retried == [run_id, run_id]
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("retry ")]
    assert [line.partition(" (")[0] for line in told] == [
        "retry 1 of 2: the run failed",
        "retry 2 of 2: the run failed",
    ]


def test_a_run_is_retried_no_more_often_than_the_profile_says(kubeflow, server, run_id):
    kubeflow.progress = [FAILED]
    with pytest.raises(StageFailed, match="the run failed"):
        follow_with_retries(server, run_id, 2, between=0)
    assert kubeflow.retried == [run_id, run_id]


def test_a_run_that_was_cancelled_is_not_retried(kubeflow, server, run_id):
    kubeflow.progress = [{"state": "CANCELED"}]
    with pytest.raises(RunCancelled):
        follow_with_retries(server, run_id, 2, between=0)
    assert not kubeflow.retried


def test_a_run_that_was_refused_is_not_retried(kubeflow, server, run_id, store, tmp_path):
    with pytest.raises(UserError), stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"):
        raise UserError("the weights are gone: give others")
    kubeflow.progress = [FAILED]
    with pytest.raises(StageFailed):
        follow_with_retries(server, run_id, 2, between=0)
    assert not kubeflow.retried


def test_a_server_that_does_not_retry_is_told_and_the_failure_stays(kubeflow, server, run_id, monkeypatch, capsys):
    def refuse(run_id):
        raise UserError("there is no retry here")

    monkeypatch.setattr(server, "retry", refuse)
    kubeflow.progress = [FAILED]
    with pytest.raises(StageFailed):
        follow_with_retries(server, run_id, 2, between=0)
    assert "not retried: there is no retry here\n" in capsys.readouterr().err


def test_the_run_in_mlflow_ends_as_the_last_attempt_does(kubeflow, server, run_id, store, tmp_path, monkeypatch):
    """The exit handler closes the run after the first attempt, and is not started again after the second."""
    pipeline = open_pipeline(run_id, "words", {}, {}).info.run_id
    history = tmp_path / "history.jsonl"
    with pytest.raises(MemoryError), stage_run("pretrain", settings={}, history=history):
        raise MemoryError
    close_pipeline(RunOutcome("FAILED", "failed"))
    assert store.get_run(pipeline).info.status == "FAILED"
    retry = server.retry

    def retry_and_succeed(run_id):
        retry(run_id)
        with stage_run("pretrain", settings={}, history=history):
            pass

    monkeypatch.setattr(server, "retry", retry_and_succeed)
    kubeflow.progress = [FAILED, SUCCEEDED]
    follow_with_retries(server, run_id, 1, between=0)
    assert store.get_run(pipeline).info.status == "FINISHED"
