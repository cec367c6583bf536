"""What a server did not take is kept on this machine, and uploaded by `sync`."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import pipeline_run, runs, stage_run, upload_queue
from simpgan.components.core.tracking.client import find_experiment
from simpgan.components.core.tracking.sync import Synced, sync
from tests.components.core.tracking.stages import runs_of, steps_of


@pytest.fixture
def dead_server(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that refuses connections, for which nobody waits long."""
    monkeypatch.setattr(runs, "OPEN_SECONDS", 0.2)
    for status in runs.END_SECONDS:
        monkeypatch.setitem(runs.END_SECONDS, status, 0.2)
    monkeypatch.setattr(upload_queue, "SHORTEST_WAIT_SECONDS", 0.1)
    with socket.socket() as closed:  # bound, not listening
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
def made(set_up_store: Path, tmp_path: Path) -> Path:
    """A folder for a run, where a store for the unsent is set up already: that takes seconds."""
    folder = tmp_path / "made"
    (folder / "unsent").mkdir(parents=True)
    shutil.copy(set_up_store, folder / "unsent" / "mlflow.db")
    return folder


def record(folder: Path) -> None:
    """A pipeline with a stage that ends well and one that fails."""
    (folder / "report.html").write_text("a page")
    with pipeline_run("adapt", {"target": "grid"}, {"steps": 300}, unsent=folder / "unsent") as pipeline:
        with stage_run("pretrain", settings={"rate": 0.1}, history=folder / "history.jsonl") as stage:
            for step in range(20):
                stage.log_metrics(step, {"loss": step / 3})
        with pytest.raises(UserError), stage_run("evaluate", settings={}, history=folder / "history.jsonl"):
            raise UserError("no such classifier")
        pipeline.log_artifact(folder / "report.html")


def test_without_a_server_the_whole_run_is_kept_and_uploaded_later(client, dead_server, made, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", dead_server)
    record(made)
    assert f"what MLflow lacks is kept: simpgan sync {made / 'unsent'} uploads it" in caplog.text
    monkeypatch.setenv("MLFLOW_TRACKING_URI", client.tracking_uri)
    assert sync(made) == Synced(uploaded=3, there=0, running=0)
    assert sync(made) == Synced(uploaded=0, there=3, running=0)
    uploaded = runs_of(client)
    assert {name: run.info.status for name, run in uploaded.items()} == {
        "adapt": "FINISHED",
        "pretrain": "FINISHED",
        "evaluate": "FAILED",
    }
    stage, parent = uploaded["pretrain"], uploaded["adapt"]
    assert stage.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert stage.data.params["pretrain.rate"] == "0.1"
    assert steps_of(client, stage, "loss") == [(step, step / 3) for step in range(20)]
    assert uploaded["evaluate"].data.tags["simpgan.reason"] == "no such classifier"
    assert "report.html" in [file.path for file in client.list_artifacts(parent.info.run_id)]


def test_a_run_that_was_named_is_completed(client, dead_server, made, monkeypatch):
    experiment = find_experiment(client)
    named = client.create_run(experiment, run_name="given").info.run_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", dead_server)
    monkeypatch.setenv("MLFLOW_RUN_ID", named)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    with stage_run("pretrain", settings={}, history=made / "history.jsonl") as stage:
        stage.log_metrics(0, {"loss": 1.0})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", client.tracking_uri)
    assert sync(made).uploaded == 1
    run = client.get_run(named)
    assert (run.info.status, run.data.metrics["loss"]) == ("FINISHED", 1.0)


def test_where_tracking_is_required_nothing_begins_without_a_server(dead_server, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", dead_server)
    monkeypatch.setenv("SIMPGAN_TRACKING", "required")
    said = f"SIMPGAN_TRACKING=required, but MLflow at {dead_server} does not open the run: start the server"
    with (
        pytest.raises(UserError, match=said),
        stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"),
    ):
        raise AssertionError("the stage has begun")
    assert not (tmp_path / "unsent").exists()


def test_where_tracking_is_required_a_server_has_to_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SIMPGAN_TRACKING", "required")
    with pytest.raises(UserError, match="no server is named: set MLFLOW_TRACKING_URI"), pipeline_run("adapt", {}, {}):
        pass
    monkeypatch.setenv("SIMPGAN_TRACKING", "perhaps")
    with pytest.raises(UserError, match="is neither optional nor required"), pipeline_run("adapt", {}, {}):
        pass


def test_with_a_server_required_tracking_is_as_ever(client: MlflowClient, monkeypatch, tmp_path):
    monkeypatch.setenv("SIMPGAN_TRACKING", "required")
    with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"):
        pass
    assert runs_of(client)["pretrain"].info.status == "FINISHED"
    assert not (tmp_path / "unsent").exists()
