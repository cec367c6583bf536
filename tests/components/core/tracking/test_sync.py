"""Runs recorded on this machine, uploaded to a server."""

import json
import math
import shutil
from pathlib import Path

import numpy
import pandas
import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import pipeline_run, stage_run
from simpgan.components.core.tracking.sync import Synced, sync
from tests.components.core.tracking.stages import runs_of, steps_of


@pytest.fixture(scope="module")
def recorded(set_up_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The --out of a run with all that a run can hold, and one that failed."""
    folder = tmp_path_factory.mktemp("recorded")
    shutil.copy(set_up_store, folder / "mlflow.db")
    (folder / "report.html").write_text("a page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        with pipeline_run("adapt", {"target": "grid"}, {"train_gan": {"steps": 300}}) as pipeline:
            with stage_run("train_gan", settings={"steps": 300}, history=folder / "history.jsonl") as stage:
                for step in range(3):
                    stage.log_metrics(step, {"loss": step / 3})
                stage.log_metrics(3, {"loss": math.nan})
                stage.log_image("translation", numpy.zeros((4, 4, 3), numpy.uint8), 2)
                stage.log_table("results", pandas.DataFrame({"rank-1": [31.0]}))
            pipeline.log_artifact(folder / "report.html")
            with pytest.raises(UserError), stage_run("evaluate", settings={}, history=folder / "history.jsonl"):
                raise UserError("no such classifier")
    return folder


def everything(client: MlflowClient) -> dict[str, object]:
    """All that matters of the runs of a store, by name."""
    found = {}
    names = {run.info.run_id: name for name, run in runs_of(client).items()}
    for name, run in runs_of(client).items():
        run_id, tags = run.info.run_id, dict(run.data.tags)
        parent = names.get(tags.pop("mlflow.parentRunId", ""))
        tags.pop("simpgan.synced_from", None)
        metrics = {key: str(client.get_metric_history(run_id, key)).replace(run_id, "") for key in run.data.metrics}
        times = run.info.start_time, run.info.end_time
        files = sorted(
            file.path for top in client.list_artifacts(run_id) for file in [top, *below(client, run_id, top)]
        )
        found[name] = (run.info.status, times, parent, tags, run.data.params, metrics, files)
    return found


def below(client, run_id, top):
    return client.list_artifacts(run_id, top.path) if top.is_dir else []


def test_a_run_is_uploaded_whole_and_only_once(recorded, client):
    assert sync(recorded) == Synced(uploaded=3, there=0, running=0)
    local = MlflowClient(f"sqlite:///{recorded}/mlflow.db")
    uploaded = everything(client)
    assert uploaded == everything(local)
    assert uploaded["evaluate"][0] == "FAILED"
    assert uploaded["train_gan"][2] == "adapt"
    assert sync(recorded) == Synced(uploaded=0, there=3, running=0)
    assert everything(client) == uploaded


def test_a_store_that_was_moved_is_uploaded_with_its_artifacts(recorded, client, tmp_path):
    shutil.copytree(recorded, tmp_path / "usb" / "stick")
    assert sync(tmp_path / "usb").uploaded == 3
    parent = runs_of(client)["adapt"]
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["report.html"]


def test_what_arrived_in_part_is_completed(recorded, client, tmp_path):
    local = runs_of(MlflowClient(f"sqlite:///{recorded}/mlflow.db"))["train_gan"]
    tags = {name: local.data.tags[name] for name in ("simpgan.pipeline_run", "simpgan.task")}
    experiment = client.create_experiment("simpgan", artifact_location=(tmp_path / "files").as_uri())
    partial = client.create_run(experiment, tags=tags, run_name="train_gan")
    client.log_param(partial.info.run_id, "train_gan.steps", "300")
    first = MlflowClient(f"sqlite:///{recorded}/mlflow.db").get_metric_history(local.info.run_id, "loss")[0]
    client.log_metric(partial.info.run_id, "loss", first.value, first.timestamp, first.step)
    sync(recorded)
    run = runs_of(client)["train_gan"]
    assert (run.info.run_id, run.info.status) == (partial.info.run_id, "FINISHED")
    assert [step for step, _ in steps_of(client, run, "loss")] == [0, 1, 2, 3]
    assert json.loads(run.data.tags["mlflow.loggedArtifacts"]) == [{"path": "results.json", "type": "table"}]


def test_a_folder_without_runs_and_the_store_itself_are_refused(recorded, client, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no recorded runs: give a folder with an mlflow\.db"):
        sync(tmp_path / "empty")
    with pytest.raises(UserError, match="is the store that MLFLOW_TRACKING_URI names: name the server to upload to"):
        sync(tmp_path)
