"""A stage that refuses in a pod records why, also before its run in MLflow is open or if it never has one."""

import inspect
import json
import os
from importlib import import_module
from types import SimpleNamespace

import pytest
from kfp.dsl.python_component import PythonComponent
from mlflow.tracking import MlflowClient

from simpgan import components
from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import close_pipeline, open_pipeline, parent_run, stage_run
from simpgan.components.core.tracking.outcome import RunOutcome
from simpgan.components.core.tracking.refusals import refusals_recorded
from tests.test_layering import STAGES

COMPONENTS = [
    component
    for stage in STAGES
    if stage != "finish"  # which tells how the others ended
    for component in vars(import_module(f"{components.__name__}.{stage}.component")).values()
    if isinstance(component, PythonComponent)
]
OTHER_ARGUMENTS = {"method": "adabn", "needs_rows": "no", "changes": "{}"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A store with its tables, for all tests here."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    MlflowClient(uri).search_experiments()
    return uri


@pytest.fixture
def pod(uri, tmp_path, monkeypatch, request):
    """The environment of a pod in a pipeline run of its own. Returns the id of the pipeline run."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "SIMPGAN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("KFP_RUN_ID", request.node.name)
    monkeypatch.setattr(parent_run, "SETTLING_SECONDS", 0.0)
    return request.node.name


def runs(uri, pipeline):
    """The status, stage and reason of every run of the pipeline run."""
    client = MlflowClient(uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    found = client.search_runs(experiments, f"tag.`simpgan.pipeline_run` = '{pipeline}'")
    tags = [run.data.tags for run in found]
    return [
        (run.info.status, tag["simpgan.stage"], tag["simpgan.reason"]) for run, tag in zip(found, tags, strict=True)
    ]


def refused(component, folder):
    """Call a component with settings or inputs that it must refuse. Return the reason."""
    arguments = {}
    for name, parameter in inspect.signature(component.python_func).parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            continue
        if parameter.annotation is str:
            arguments[name] = OTHER_ARGUMENTS.get(name, '{"wrong": 1}' if name.endswith("settings") else "1")
        elif "list" in str(parameter.annotation).lower():
            arguments[name] = []
        else:
            arguments[name] = SimpleNamespace(path=str(folder / name), metadata={"name": name})
    with pytest.raises(UserError) as refusal:
        component.python_func(**arguments)
    return str(refusal.value)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_every_component_records_its_refusal_once_however_often_it_is_retried(component, uri, pod, tmp_path):
    reason = refused(component, tmp_path)
    assert refused(component, tmp_path) == reason
    assert runs(uri, pod) == [("FAILED", component.python_func.__name__, reason)]


def test_a_refusal_reaches_the_note_of_the_pipelines_run(uri, pod):
    parent = open_pipeline(pod, "retrain", {}, {})
    with pytest.raises(UserError), refusals_recorded("watch"):
        raise UserError("there is no champion: promote one")
    close_pipeline(RunOutcome("FAILED", "the pipeline run was failed"))
    tags = MlflowClient(uri).get_run(parent.info.run_id).data.tags
    assert tags["simpgan.reason"] == "watch: there is no champion: promote one"
    assert tags["mlflow.note.content"] == "- watch: there is no champion: promote one"


def test_a_refusal_that_the_stages_own_run_recorded_is_recorded_once(uri, pod):
    with pytest.raises(UserError), refusals_recorded("umdl"), stage_run("umdl", settings={"seed": 1}):
        raise UserError("too few images")
    assert runs(uri, pod) == [("FAILED", "umdl", "too few images")]


def test_two_folds_that_refuse_for_different_reasons_have_a_run_each(uri, pod, monkeypatch):
    for fold in ("0", "1"):
        inputs = json.dumps({"inputs": {"parameterValues": {"fold": fold}}})
        monkeypatch.setattr("sys.argv", ["main", "--executor_input", inputs, "--function_to_execute", "umdl"])
        with pytest.raises(UserError), refusals_recorded("umdl"):
            raise UserError(f"fold {fold} is empty")
    assert sorted(reason for _, _, reason in runs(uri, pod)) == ["fold 0 is empty", "fold 1 is empty"]


def test_a_mistake_is_no_refusal(uri, pod):
    with pytest.raises(ValueError, match="a mistake"), refusals_recorded("umdl"):
        raise ValueError("a mistake")
    assert runs(uri, pod) == []


def test_outside_a_pod_the_runner_reports_the_refusal_and_nothing_is_recorded(uri, pod, monkeypatch):
    monkeypatch.delenv("KFP_RUN_ID")
    monkeypatch.setenv("SIMPGAN_PIPELINE_RUN", pod)
    with pytest.raises(UserError), refusals_recorded("umdl"):
        raise UserError("too few images")
    assert runs(uri, pod) == []
