"""Reading results back from MLflow."""

import shutil
import socket
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import pipeline_run, stage_run
from simpgan.components.core.tracking.recorded_results import fetch_experiment, fetch_runs
from tests.components.core.tracking.stages import runs_of

FILES = ("results.json", "probes.parquet")


@pytest.fixture(scope="module")
def store(set_up_store, tmp_path_factory) -> Path:
    """A store with a pipeline and its evaluation, a lone evaluation, one on a cluster, and a training."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copy(set_up_store, folder / "mlflow.db")
    (folder / "results.json").write_text("{}")
    history = folder / "history.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        with pipeline_run("adapt", {}, {"train_gan": {"steps": 300}, "evaluate": {"seed": 0}}) as pipeline:
            with stage_run("evaluate", settings={"seed": 0}, history=history, label="inner") as stage:
                stage.log_summary({"rank-1/folds10/simpgan": 31.0})
                stage.log_artifact(folder / "results.json")
            pipeline.log_metrics({"rank-1/folds10/simpgan": 31.0})
            pipeline.log_artifact(folder / "results.json")
        with stage_run("evaluate", settings={"seed": 7}, history=history, label="lone") as stage:
            stage.log_summary({"rank-1/folds10/simpgan": 12.0})
            stage.log_artifact(folder / "results.json")
        with (
            pipeline_run("on-cluster", {}, {"train_gan_settings": '{"steps": 7, "method": "gan"}'}),
            stage_run("evaluate", settings={}, history=history, label="pod") as stage,
        ):
            stage.log_summary({"rank-1/folds10/gan": 12.0})
        with stage_run("pretrain", settings={}, history=history):
            pass
    return folder


@pytest.fixture
def ids(store, environment, monkeypatch, tmp_path) -> dict[str, str]:
    """Ids of the store's runs by name."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/mlflow.db")
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    return {name: run.info.run_id for name, run in runs_of(MlflowClient()).items()}


def test_files_and_settings_of_a_pipeline(ids):
    [run] = fetch_runs([ids["adapt"]], FILES)
    assert (run.id, run.name) == (ids["adapt"], "adapt")
    assert run.settings == {"train_gan.steps": "300", "evaluate.seed": "0"}
    assert (run.folder / "results.json").read_text() == "{}"
    assert not (run.folder / "probes.parquet").exists()


def test_a_stage_has_the_settings_of_its_pipeline_too(ids):
    inner, lone = fetch_runs([ids["inner"], ids["lone"]], FILES)
    assert inner.name == "adapt, inner"
    assert inner.settings["train_gan.steps"] == "300"
    assert lone.settings == {"evaluate.seed": "7"}


def test_where_stages_are_pods_a_pipelines_results_are_those_of_its_evaluation(ids):
    [run] = fetch_runs([ids["on-cluster"]], FILES)
    assert run.id == ids["pod"]
    assert run.settings == {"train_gan.steps": "7", "train_gan.method": "gan"}


def test_an_experiment_has_every_result_once(ids):
    assert [run.name for run in fetch_experiment("simpgan", FILES)] == ["adapt", "lone", "on-cluster, pod"]


def test_what_has_ended_is_fetched_once(ids, store, tmp_path):
    list(fetch_runs([ids["lone"]], FILES))
    artifacts = store / "mlartifacts"
    artifacts.rename(tmp_path / "away")
    [run] = fetch_runs([ids["lone"]], FILES)
    (tmp_path / "away").rename(artifacts)
    assert (run.folder / "results.json").exists()


def test_runs_that_are_not_there_or_have_no_results_are_refused(ids):
    with pytest.raises(UserError, match=f"^MLflow at .* has no run {'0' * 32}: copy its id from the run's page$"):
        list(fetch_runs([ids["lone"], "0" * 32], FILES))
    with pytest.raises(UserError, match=r"run \w+ \('pretrain', FINISHED\) has no results: give a pipeline's run"):
        list(fetch_runs([ids["pretrain"]], FILES))
    with pytest.raises(UserError, match="has no experiment 'simpgam': it has Default, simpgan"):
        list(fetch_experiment("simpgam", FILES))


def test_a_server_that_does_not_answer_is_named_without_its_password(monkeypatch):
    with socket.socket() as closed:  # bound, not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
        with pytest.raises(UserError) as refusal:
            list(fetch_experiment("simpgan", FILES))
    assert f"MLflow at http://127.0.0.1:{port} does not answer: start the server" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_without_a_server_it_is_said_how_to_name_one():
    with pytest.raises(UserError, match="no MLflow server is named: set MLFLOW_TRACKING_URI"):
        list(fetch_experiment("simpgan", FILES))


def test_the_client_is_quiet(ids, capfd):
    list(fetch_runs([ids["lone"]], FILES))
    assert capfd.readouterr() == ("", "")
