"""The run of a pipeline whose stages are pods: one, however many of them begin at once."""

import os
import re
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import close_pipeline, open_pipeline, parent_run, stage_run
from simpgan.components.core.tracking.outcome import RunOutcome
from simpgan.components.core.tracking.past_runs import has_refused
from tests.components.core.tracking.stages import exit_code, start

PODS = 4
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def pod(folder: Path, number: int) -> None:
    """A stage of a pipeline run that nobody has recorded."""
    os.environ |= {"KFP_RUN_ID": "scheduled", "SIMPGAN_PIPELINE": "adapt"}
    history = folder / f"{number}.jsonl"
    with stage_run("ingest", settings={}, history=history, inputs={"number": str(number)}) as run:
        run.log_summary({"rank-1/all250/direct": 25.0})


def all_runs(client: MlflowClient) -> list[Run]:
    experiment = client.get_experiment_by_name(os.environ.get("MLFLOW_EXPERIMENT_NAME", "simpgan"))
    assert experiment
    return client.search_runs([experiment.experiment_id])


def pipelines_and_stages(client: MlflowClient) -> tuple[list[Run], list[Run]]:
    runs = all_runs(client)
    return tuple(  # type: ignore[return-value]
        [run for run in runs if (run.data.tags["simpgan.task"] == "pipeline") == wanted] for wanted in (True, False)
    )


@pytest.mark.servers
def test_pods_that_begin_at_once_nest_under_one_run(tracking_server: MlflowClient, tmp_path: Path) -> None:
    pods = [start(pod, tmp_path, number) for number in range(PODS)]
    assert [exit_code(process) for process in pods] == [0] * PODS
    (pipeline,), stages = pipelines_and_stages(tracking_server)
    assert len(stages) == PODS
    assert {stage.data.tags["mlflow.parentRunId"] for stage in stages} == {pipeline.info.run_id}
    assert re.fullmatch(rf"adapt, {TIME}", pipeline.info.run_name)
    assert pipeline.info.status == "RUNNING"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(parent_run, "SETTLING_SECONDS", 0.0)
    return monkeypatch


def test_a_submitted_pipeline_has_its_run_from_the_start_and_its_results_at_the_end(
    client: MlflowClient, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    arguments = {"train_gan": {"steps": 4}, "data_root": "s3://cameras"}
    opened = open_pipeline("submitted", "adapt market1501 to grid", {"target": "grid"}, arguments)
    quick.setenv("KFP_RUN_ID", "submitted")
    quick.setenv("SIMPGAN_PIPELINE", "adapt")
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.log_summary({"rank-1/all250/direct": 25.0, "overlap/direct": 0.5})
        run.log_metrics(1, {"cmc/all250/direct": 25.0})
        run.log_metrics(2, {"cmc/all250/direct": 50.0})
    for _ in range(2):  # the exit handler may be tried again
        assert close_pipeline(RunOutcome("FINISHED")).reasons == []
    (pipeline,), (stage,) = pipelines_and_stages(client)
    assert stage.data.tags["mlflow.parentRunId"] == pipeline.info.run_id == opened.info.run_id
    assert (pipeline.info.run_name, pipeline.info.status) == ("adapt market1501 to grid", "FINISHED")
    assert pipeline.data.tags["target"] == "grid"
    assert pipeline.data.params == {"pipeline.train_gan.steps": "4", "pipeline.data_root": "s3://cameras"}
    assert pipeline.data.metrics == {"rank-1/all250/direct": 25.0, "cmc/all250/direct": 50.0}
    curve = client.get_metric_history(pipeline.info.run_id, "cmc/all250/direct")
    assert [(metric.step, metric.value) for metric in curve] == [(1, 25.0), (2, 50.0)]


def test_a_stage_that_is_faster_than_submit_is_no_reason_for_a_second_run(
    client: MlflowClient, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    quick.setenv("KFP_RUN_ID", "overtaken")
    quick.setenv("SIMPGAN_PIPELINE", "adapt")
    with stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"):
        pass
    (pipeline,), _ = pipelines_and_stages(client)
    assert re.fullmatch(rf"adapt, {TIME}\.", pipeline.data.tags["mlflow.note.content"])
    assert pipeline.data.tags["mlflow.source.name"] == "simpgan"
    open_pipeline("overtaken", "adapt market1501 to grid", {"target": "grid"}, {})
    (pipeline,), _ = pipelines_and_stages(client)
    assert (pipeline.info.run_name, pipeline.data.tags["target"]) == ("adapt market1501 to grid", "grid")


def test_of_two_runs_all_take_the_same_and_the_one_too_many_goes(
    client: MlflowClient, quick: pytest.MonkeyPatch
) -> None:
    """Another process has created its run while this one was creating its own."""
    others = []

    def settle(seconds: float) -> None:
        experiment = client.search_experiments(filter_string="name = 'simpgan'")[0].experiment_id
        tags = {"simpgan.pipeline_run": "two", "simpgan.task": "pipeline"}
        others.append(client.create_run(experiment, start_time=1, tags=tags, run_name="earlier"))

    quick.setattr(parent_run.time, "sleep", settle)
    assert open_pipeline("two", "adapt", {}, {}).info.run_id == others[0].info.run_id
    (pipeline,), _ = pipelines_and_stages(client)
    assert pipeline.info.run_id == others[0].info.run_id


def test_a_server_that_is_away_does_not_stop_a_submission(
    quick: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    quick.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert open_pipeline("away", "adapt", {}, {}) is None
    assert "its first stage will" in caplog.text


def test_a_pipeline_that_is_retried_after_its_exit_handler_runs_again(
    client: MlflowClient, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    quick.setenv("KFP_RUN_ID", "retried")
    quick.setenv("SIMPGAN_PIPELINE", "adapt")
    history = tmp_path / "history.jsonl"
    with pytest.raises(ZeroDivisionError), stage_run("ingest", settings={}, history=history):
        raise ZeroDivisionError
    close_pipeline(RunOutcome("FAILED", "failed"))
    (pipeline,), _ = pipelines_and_stages(client)
    assert pipeline.info.status == "FAILED"
    with stage_run("ingest", settings={}, history=history):
        pass
    (pipeline,), (stage,) = pipelines_and_stages(client)
    assert (pipeline.info.status, stage.info.status) == ("RUNNING", "FINISHED")
    assert "simpgan.reason" not in pipeline.data.tags
    assert pipeline.data.tags["mlflow.note.content"] == f"{pipeline.info.run_name}."
    assert close_pipeline(RunOutcome("FINISHED")).status == "FINISHED"
    (pipeline,), _ = pipelines_and_stages(client)
    assert pipeline.info.status == "FINISHED"


@pytest.mark.parametrize(("error", "refused"), [(UserError("no such weights: give others"), True), (KeyError(), False)])
def test_a_refusal_is_told_from_an_error_of_the_code(
    client: MlflowClient, tmp_path: Path, quick: pytest.MonkeyPatch, error: Exception, refused: bool
) -> None:
    quick.setenv("KFP_RUN_ID", "judged")
    quick.setenv("SIMPGAN_PIPELINE", "adapt")
    assert not has_refused("judged")
    with pytest.raises(type(error)), stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"):
        raise error
    assert has_refused("judged") == refused
    assert not has_refused("another")
