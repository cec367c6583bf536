"""Stores that were copied with their folders."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow import MlflowClient
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.task import InputArtifact, Task
from simpgan.components.core.tracking import pipeline_run, relocation, stage_run
from simpgan.components.core.tracking.client import connect
from simpgan.components.core.tracking.sync import Synced, sync
from tests.components.core.tracking.stages import runs_of

NAMES = st.text("ab/ %#?é", min_size=1, max_size=6).map(lambda text: f"/{text}".replace("//", "/").rstrip("/") or "/a")


@pytest.fixture
def original(set_up_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a run, with a strange name, whose store has a run with a file, a model and a version."""
    out = tmp_path / "100 % of #1" / "runs"
    out.mkdir(parents=True)
    shutil.copy(set_up_store, out / "mlflow.db")
    record(out, "first", monkeypatch)
    client = MlflowClient(f"sqlite:///{out}/mlflow.db")
    run = runs_of(client)["first"]
    model = client.create_logged_model(run.info.experiment_id, name="model")
    (tmp_path / "weights").write_text("weights")
    client.log_model_artifact(model.model_id, str(tmp_path / "weights"))
    client.create_registered_model("simpgan")
    client.create_model_version("simpgan", f"models:/{model.model_id}", model_id=model.model_id)
    return out


def record(out: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record a pipeline's run and that of a stage in the store of a folder."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{out}/mlflow.db")
    (out / "report.html").write_text(f"the report of {name}")
    given = {"source": [InputArtifact(uri=str(out / "artifacts" / "manifest"))]}
    task = Task(component="pretrain", parameters={"data_root": f"{out}-elsewhere"}, artifacts=given)
    stage = {"task": task, "settings": {}, "history": out / "history.jsonl", "label": f"pretrain of {name}"}
    with pipeline_run(name, {}, {}) as pipeline, stage_run("pretrain", **stage):
        pipeline.log_artifact(out / "report.html")


def files(folder: Path) -> dict[str, bytes]:
    """All that is in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("original_is_there", [True, False])
def test_what_is_recorded_in_a_copy_lies_in_the_copy(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, original_is_there: bool
) -> None:
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    before = files(original)
    if not original_is_there:
        shutil.rmtree(original)
    record(copy, "second", monkeypatch)
    client = connect()
    for name in ("first", "second"):
        run = runs_of(client)[name]
        assert run.info.artifact_uri == (copy / "mlartifacts" / run.info.run_id / "artifacts").as_uri()
        report = client.download_artifacts(run.info.run_id, "report.html")
        assert Path(report).read_text() == f"the report of {name}"
    assert files(original) == (before if original_is_there else {})


def test_a_registered_model_is_that_of_the_copy(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original.rename(tmp_path / "moved")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/moved/mlflow.db")
    client = connect()
    location = client.get_model_version_download_uri("simpgan", "1")
    assert location.startswith((tmp_path / "moved" / "mlartifacts").as_uri())
    assert (relocation.location_path(location) / "weights").read_text() == "weights"


def test_what_tasks_were_given_in_the_folder_is_in_the_copy(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{copy}/mlflow.db")
    client = connect()
    inputs = client.download_artifacts(runs_of(client)["pretrain of first"].info.run_id, "inputs.json")
    given = json.loads(Path(inputs).read_text())
    assert given["artifacts"]["source"][0]["uri"] == f"{copy}/artifacts/manifest"
    assert given["parameters"]["data_root"] == f"{original}-elsewhere"


def test_all_of_a_copy_is_uploaded(
    original: Path, client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = client.tracking_uri
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    shutil.rmtree(original)
    record(copy, "second", monkeypatch)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert sync(copy) == Synced(uploaded=4, there=0, running=0)
    for name in ("first", "second"):
        assert [file.path for file in client.list_artifacts(runs_of(client)[name].info.run_id)] == ["report.html"]


def test_artifacts_that_were_not_copied_are_still_read(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(original / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    client = connect()
    run = runs_of(client)["first"]
    assert Path(client.download_artifacts(run.info.run_id, "report.html")).read_text() == "the report of first"


@pytest.mark.parametrize("location", ["s3://bucket/mlartifacts", "file:///somewhere/mlruns", "mlflow-artifacts:/1"])
def test_experiments_of_others_are_left_alone(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    client.create_experiment("theirs", artifact_location=location)
    copy = tmp_path / "copy"
    (copy / "mlartifacts").mkdir(parents=True)
    shutil.copy(tmp_path / "mlflow.db", copy)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{copy}/mlflow.db")
    found = connect().get_experiment_by_name("theirs")
    assert found is not None
    assert found.artifact_location == location


def test_a_copy_that_cannot_be_changed_is_said_and_stays_as_it_is(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    with closing(sqlite3.connect(copy / "mlflow.db")) as store:  # root may write whatever the file's mode says
        store.execute("create trigger no before update on runs begin select raise(abort, 'read only'); end")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{copy}/mlflow.db")
    with pytest.raises(UserError, match=r"copy/mlflow\.db was copied from .*, but cannot be \(read only\): copy it to"):
        connect()
    locations = relocation.artifact_locations(copy / "mlflow.db")
    assert (original / "mlartifacts").as_uri() in locations
    assert (copy / "mlartifacts").as_uri() not in locations


@given(NAMES, NAMES, NAMES)
def test_paths_in_the_folder_change_and_no_others(before: str, now: str, name: str) -> None:
    given = {"in": [f"{before}{name}", before], "beside": f"{before}x{name}", "said": f"see {before}", "number": 1}
    changed = relocation.with_folder_replaced(given, before, now)
    assert changed == {**given, "in": [f"{now}{name}", now]}
