"""The exit handler, on a real store of runs that a killed pipeline has left behind."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kfp import dsl
from kfp.dsl.executor import Executor
from mlflow.tracking import MlflowClient

from simpgan.components.finish import stage
from simpgan.components.finish.component import finish

ROOT = Path(__file__).parents[3]
RUN = "0a1b2c"
ABANDONED = """
import os, sys, time
from pathlib import Path
from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import pipeline_run, stage_run
from simpgan.components.core.tracking.client import connect

def record(stage):
    return stage_run(stage, settings={"steps": 1}, history=Path(sys.argv[1], f"{stage}.jsonl"))

def open_runs():
    experiment = connect().get_experiment_by_name("simpgan")
    return connect().search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'") if experiment else []

with pipeline_run("adapt", tags={}, parameters={}):
    del os.environ["SIMPGAN_PIPELINE_RUN"]  # of which pods know nothing
    with record("ingest"):
        pass
    try:
        with record("pretrain"):
            raise UserError("the weights are gone: give others")
    except UserError:
        pass
    with record("train_gan"):
        while len(open_runs()) < 2:
            time.sleep(0.1)
        os._exit(137)
"""
SILENT = "train_gan: ended without a word: killed, out of memory, or the machine went down"
REFUSED = "pretrain: the weights are gone: give others"


@pytest.fixture(scope="module")
def abandoned(set_up_store, tmp_path_factory):
    """A store with the runs of a pipeline whose last stage was killed."""
    folder = tmp_path_factory.mktemp("abandoned")
    shutil.copy(set_up_store, folder / "mlflow.db")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "SIMPGAN_"))}
    named = {"KFP_RUN_ID": RUN, "SIMPGAN_PIPELINE_RUN": RUN, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    script = [sys.executable, "-c", ABANDONED, str(folder)]
    ended = subprocess.run(script, env=environment | named | {"PYTHONPATH": str(ROOT)}, check=False)
    assert ended.returncode == 137
    return folder / "mlflow.db"


@pytest.fixture
def environment(monkeypatch):
    """That of a pod, without a server of runs."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "SIMPGAN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KFP_RUN_ID", RUN)
    return monkeypatch


@pytest.fixture
def client(abandoned, tmp_path):
    """A client of a copy of the store."""
    (tmp_path / "mlflow.db").write_bytes(abandoned.read_bytes())
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def runs(client, environment, tmp_path):
    """The runs of the store by name, when asked for."""
    environment.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")

    def runs():
        found = client.search_runs([client.get_experiment_by_name("simpgan").experiment_id])
        return {run.info.run_name: run for run in found}

    return runs


@pytest.fixture
def posted(environment):
    """What a notification URL is sent."""
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        environment.setenv("SIMPGAN_NOTIFICATION_URL", f"http://127.0.0.1:{server.server_port}/hook")
        yield received
        server.shutdown()


def statuses(runs):
    return {name: run.info.status for name, run in runs().items()}


def test_runs_of_a_failed_pipeline_are_closed_with_their_reasons(runs, posted):
    before = {"ingest": "FINISHED", "pretrain": "FAILED", "train_gan": "RUNNING", "adapt": "RUNNING"}
    assert statuses(runs) == before
    stage.run("adapt", "FAILED", "task train-gan failed")
    assert statuses(runs) == before | {"train_gan": "KILLED", "adapt": "FAILED"}
    assert runs()["train_gan"].data.tags["simpgan.reason"] == SILENT.removeprefix("train_gan: ")
    pipeline = runs()["adapt"].data.tags
    assert pipeline["simpgan.reason"] == f"{REFUSED}; {SILENT}"
    assert pipeline["mlflow.note.content"] == f"- {REFUSED}\n- {SILENT}"
    text = f"adapt failed: {REFUSED}; {SILENT}"
    assert posted == [{"text": text, "pipeline": "adapt", "state": "FAILED", "reasons": [REFUSED, SILENT]}]


def test_stages_nest_under_the_run_of_their_pipeline_run(runs):
    found = runs()
    parent = found.pop("adapt").info.run_id
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {parent}


def test_finish_may_be_done_twice(runs):
    stage.run("adapt", "FAILED", "")
    once = {name: (run.info.end_time, run.data.tags) for name, run in runs().items()}
    stage.run("adapt", "FAILED", "")
    assert {name: (run.info.end_time, run.data.tags) for name, run in runs().items()} == once


@pytest.mark.parametrize(("state", "status"), [("SUCCEEDED", "FINISHED"), ("CANCELLED", "KILLED")])
def test_a_pipeline_that_did_not_fail_ends_as_it_did(runs, state, status):
    stage.run("adapt", state, "")
    assert statuses(runs)["adapt"] == status
    assert ("simpgan.reason" in runs()["adapt"].data.tags) == (status == "KILLED")


def test_a_pipeline_whose_pod_was_killed_failed_as_its_stages_recorded(runs, posted):
    stage.run("adapt", "RUNNING", "")
    assert statuses(runs)["adapt"] == "FAILED"
    assert runs()["adapt"].data.tags["mlflow.note.content"] == f"- {REFUSED}\n- {SILENT}"
    text = f"adapt failed: {REFUSED}; {SILENT}"
    assert posted == [{"text": text, "pipeline": "adapt", "state": "FAILED", "reasons": [REFUSED, SILENT]}]


def test_a_pipeline_that_was_terminated_was_killed(runs, posted, client):
    for name in ("pretrain", "train_gan"):
        client.set_tag(runs()[name].info.run_id, "simpgan.reason", "SIGTERM")
        client.set_terminated(runs()[name].info.run_id, "KILLED")
    stage.run("adapt", "RUNNING", "")
    assert statuses(runs)["adapt"] == "KILLED"
    told = "told to end by SIGTERM: the run was terminated, or its pod was deleted"
    reasons = [f"pretrain: {told}", f"train_gan: {told}"]
    assert runs()["adapt"].data.tags["simpgan.reason"] == "; ".join(reasons)
    text = f"adapt killed: {'; '.join(reasons)}"
    assert posted == [{"text": text, "pipeline": "adapt", "state": "KILLED", "reasons": reasons}]


def test_a_pipeline_that_ended_before_any_stage_could_record_it_does_not_count_as_running(posted):
    stage.run("adapt", "RUNNING", "")
    assert posted[0]["state"] == "KILLED"
    assert posted[0]["text"].startswith("adapt killed: no stage recorded why: ")


def test_runs_of_another_pipeline_run_are_left_alone(runs, environment):
    environment.setenv("KFP_RUN_ID", "another")
    stage.run("adapt", "FAILED", "")
    assert statuses(runs)["train_gan"] == statuses(runs)["adapt"] == "RUNNING"


def test_the_component_passes_on_what_kubeflow_says(posted):
    said = {"pipeline_job_resource_name": "", "pipeline_task_name": "exit-handler-1", "error_code": 13}
    status = dsl.PipelineTaskFinalStatus(state="FAILED", error_message="no node has 8 GPUs", **said)
    finish.python_func(pipeline="table1", status=status)
    assert posted[0]["text"] == "table1 failed: no node has 8 GPUs"


def test_the_component_takes_the_status_that_a_real_server_passed_after_a_pod_was_killed(posted, tmp_path):
    recorded = json.loads((ROOT / "tests/pipelines/recorded_answers.json").read_text())
    status = recorded["final_status_of_a_killed_or_terminated_run"]
    inputs = {"parameterValues": {"pipeline": "adapt", "status": status}}
    outputs = {"outputFile": str(tmp_path / "output.json")}
    Executor({"inputs": inputs, "outputs": outputs}, finish.python_func).execute()
    assert posted[0]["text"].startswith("adapt killed: ")


def test_without_a_server_of_runs_there_is_what_kubeflow_says(posted):
    stage.run("adapt", "FAILED", "no node has 8 GPUs")
    stage.run("adapt", "CANCELLED", "")
    stage.run("adapt", "SUCCEEDED", "")
    assert [each["text"] for each in posted] == [
        "adapt failed: no node has 8 GPUs",
        "adapt cancelled: the pipeline run was cancelled",
        "adapt succeeded",
    ]


def test_a_store_that_cannot_be_opened_is_worth_a_warning(environment, posted, tmp_path, caplog):
    (tmp_path / "mlflow.db").write_text("this is no database " * 1000)
    environment.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    stage.run("adapt", "FAILED", "no node has 8 GPUs")
    assert "MLflow was not told how the pipeline ended" in caplog.text
    assert posted[0]["reasons"] == ["no node has 8 GPUs"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/secret", "secret", "file:///secret"])
def test_a_notification_that_is_not_delivered_is_worth_a_warning_without_the_url(environment, caplog, url):
    environment.setenv("SIMPGAN_NOTIFICATION_URL", url)
    stage.run("adapt", "SUCCEEDED", "")
    assert "the notification was not delivered" in caplog.text
    assert "secret" not in caplog.text
