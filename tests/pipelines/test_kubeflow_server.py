"""The stand-in for the server behaves in these ways like a real one of Kubeflow Pipelines 2.17."""

import json
from pathlib import Path

import kfp.client
import pytest
from kfp_server_api import ApiException

from simpgan.pipelines.cluster.client import Server
from tests.pipelines.cluster.compiling import compiled
from tests.pipelines.kubeflow_server import kubeflow
from tests.pipelines.kubeflow_tasks import Workflow
from tests.pipelines.words import words

__all__ = ["kubeflow"]

ARGUMENTS = {"first": "a", "others": []}
RECORDED = json.loads((Path(__file__).parent / "recorded_answers.json").read_text())


@pytest.fixture
def client(kubeflow):
    return kfp.client.Client(kubeflow.address)


@pytest.fixture
def recurring(kubeflow, client):
    """The id of a recurring run."""
    server = Server(kubeflow.address)
    version = server.upload(compiled(words))
    experiment = server.experiment_id("trials")
    return client.create_recurring_run(
        experiment,
        "daily",
        cron_expression="0 0 3 * * *",
        params=ARGUMENTS,
        pipeline_id=version.pipeline_id,
        version_id=version.version_id,
    ).recurring_run_id


def state(client, run_id):
    return client.get_run(run_id).state


def test_deleting_a_recurring_run_deletes_its_running_workflow_and_the_run_stays_running(kubeflow, client, recurring):
    run_id = kubeflow.fire(recurring)
    client.delete_recurring_run(recurring)
    assert run_id not in kubeflow.owners
    assert state(client, run_id) == "RUNNING"
    with pytest.raises(ApiException, match="workflow not found"):
        client.terminate_run(run_id)


def test_disabling_a_recurring_run_lets_its_run_end(kubeflow, client, recurring):
    run_id = kubeflow.fire(recurring)
    client.disable_recurring_run(recurring)
    kubeflow.end(run_id)
    assert state(client, run_id) == "SUCCEEDED"
    with pytest.raises(AssertionError, match="disabled"):
        kubeflow.fire(recurring)


def test_only_a_run_that_failed_is_retried(kubeflow, client):
    server = Server(kubeflow.address)
    run_id = server.start(server.upload(compiled(words)), ARGUMENTS, "words", "trials")
    kubeflow.progress = [{"state": "RUNNING"}, {"state": "FAILED"}, {"state": "SUCCEEDED"}]
    retry = client.runs.run_service_retry_run
    assert state(client, run_id) == "RUNNING"
    with pytest.raises(ApiException, match="must be Failed"):
        retry(run_id)
    assert state(client, run_id) == "FAILED"
    retry(run_id)
    assert (kubeflow.retried, state(client, run_id)) == ([run_id], "SUCCEEDED")


def test_a_retried_run_keeps_the_tasks_that_succeeded(kubeflow, client):
    server = Server(kubeflow.address)
    run_id = server.start(server.upload(compiled(words)), ARGUMENTS, "words", "trials")
    workflow = Workflow()
    workflow.stage("write", state="SUCCEEDED", seconds=3)
    workflow.stage("join", state="FAILED", seconds=3)
    kubeflow.progress = [{"state": "FAILED", "tasks": workflow.tasks()}, {"state": "RUNNING"}]
    assert state(client, run_id) == "FAILED"
    client.runs.run_service_retry_run(run_id)
    kept = {task.display_name: task.state for task in client.get_run(run_id).run_details.task_details}
    assert kept["write(0)"] == "SUCCEEDED"
    assert "join(0)" not in kept


def test_a_failed_run_and_its_tasks_have_no_error(kubeflow, client):
    server = Server(kubeflow.address)
    run_id = server.start(server.upload(compiled(words)), ARGUMENTS, "words", "trials")
    workflow = Workflow()
    workflow.stage("write", state="FAILED", seconds=3)
    kubeflow.progress = [{"state": "FAILED", "tasks": workflow.tasks()}]
    run = client.get_run(run_id)
    assert [run.error, *(task.error for task in run.run_details.task_details)] == [None] * (1 + len(workflow.nodes))


def test_the_names_of_tasks_are_those_that_a_real_server_gave():
    workflow = Workflow(RECORDED["workflow"])
    workflow.stage("exit-handler-1", "ingest", state="FAILED", seconds=3, attempts=4)
    assert set(RECORDED["task_names"]) <= {task.display_name for task in workflow.tasks()}
