"""What a run in MLflow holds, after retries too."""

import json
import os
from pathlib import Path

import numpy
import pandas
import pytest
from matplotlib.figure import Figure
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient

from simpgan.components.core.tracking import pipeline_run, stage_run
from simpgan.components.core.tracking.metric_log import Entry, MetricLog
from tests.components.core.tracking.stages import (
    EXPECTED,
    exit_code,
    history_on_disk,
    runs_of,
    start,
    steps_of,
    train,
    wait_until_sent,
)


def test_stage_nests_under_its_pipeline_and_holds_what_was_recorded(client: MlflowClient, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").write_text("<p>")
    settings = {"lambda": {"cycle": 10.0}, "backbone": "resnet18", "size": [128, 64], "weights": None}
    with pipeline_run("adapt", {"target": "grid"}, {"method": "simpgan"}) as pipeline:
        with stage_run(
            "train_gan",
            settings=settings,
            history=tmp_path / "history.jsonl",
            inputs={"source": "5f1c"},
            label="train_gan simpgan folds10:0",
        ) as run:
            for step in range(2500):
                run.log_metrics(step, {"loss/cycle": step / 3})
            run.log_image("translation/target", numpy.full((8, 4, 3), 7, numpy.uint8), 20)
            run.log_table("results", pandas.DataFrame({"method": ["direct"], "rank-1": [10.5]}))
            run.log_text("summary.md", "better")
            run.set_tag("note", "x" * 10_000)
        pipeline.log_artifact(tmp_path / "report")
        pipeline.log_metrics({"cmc/rank-1": 12.5})

    runs = runs_of(client)
    parent, child = runs["adapt"], runs["train_gan simpgan folds10:0"]
    assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.tags["simpgan.input.source"] == "5f1c"
    assert child.data.params == {
        "train_gan.lambda.cycle": "10.0",
        "train_gan.backbone": "resnet18",
        "train_gan.size": "[128, 64]",
        "train_gan.weights": "null",
    }
    assert parent.data.params == {"pipeline.method": "simpgan"}
    assert parent.data.tags["target"] == "grid"
    assert parent.data.metrics == {"cmc/rank-1": 12.5}
    assert steps_of(client, child, "loss/cycle") == [(step, step / 3) for step in range(2500)]

    assert {file.path for file in client.list_artifacts(child.info.run_id)} == {
        "images",
        "inputs.json",
        "results.json",
        "summary.md",
    }
    table = client.load_table(child.info.experiment_id, "results.json", [child.info.run_id])
    assert table.to_dict("records") == [{"method": "direct", "rank-1": 10.5}]
    assert client.list_artifacts(parent.info.run_id, "report")[0].path == "report/report.html"
    assert (tmp_path / "mlartifacts").is_dir()
    assert not Path("mlruns").exists()


def test_figures_are_kept_as_pictures(client: MlflowClient, tmp_path: Path) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2])
    (tmp_path / "ranked.svg").write_text("<svg/>")
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.log_figure("cmc", figure)
        run.log_figure("ranked", tmp_path / "ranked.svg")
    run_id = runs_of(client)["evaluate"].info.run_id
    png = client.download_artifacts(run_id, "figures/cmc.png", str(tmp_path))
    assert Path(png).read_bytes().startswith(b"\x89PNG")
    assert {file.path for file in client.list_artifacts(run_id, "figures")} == {
        "figures/cmc.png",
        "figures/ranked.svg",
    }


def test_stage_without_a_pipeline_has_a_run_of_its_own(client: MlflowClient, tmp_path: Path) -> None:
    for stage in ("pretrain", "evaluate"):
        with stage_run(stage, settings={}, history=tmp_path / "history.jsonl"):
            pass
    assert all("mlflow.parentRunId" not in run.data.tags for run in runs_of(client).values())


def test_run_named_by_the_cluster_is_resumed_and_not_handed_to_every_stage(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = client.create_run(client.create_experiment("simpgan"), run_name="given").info.run_id
    client.log_param(given, "settings", "{}")
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    with stage_run("train_gan", settings={"rate": 0.5}, history=tmp_path / "history.jsonl") as run:
        run.log_metrics(4, {"loss": 2.0})
    found = runs_of(client)["given"]
    assert found.data.params == {"settings": "{}", "train_gan.rate": "0.5"}
    assert found.info.status == "FINISHED"
    assert found.data.tags["mlflow.note.content"] == "Stage train_gan of a SimPGAN pipeline: train_gan."

    with pipeline_run("adapt", {}, {}):
        assert "MLFLOW_RUN_ID" not in os.environ
        with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"):
            pass
    assert os.environ["MLFLOW_RUN_ID"] == given
    assert runs_of(client)["pretrain"].data.tags["mlflow.parentRunId"] == given


def test_a_runner_tells_tasks_apart_that_a_stage_cannot(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ["pretrain (market1501, seed 0)", "pretrain (market1501, seed 1)"]
    with pipeline_run("table1", {}, {}):
        for task in tasks:
            monkeypatch.setenv("SIMPGAN_TASK", task)
            with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"):
                pass
    assert set(runs_of(client)) == {"table1", *tasks}


def test_retry_with_another_value_goes_on_in_the_same_run_and_loses_nothing(
    client: MlflowClient, tmp_path: Path
) -> None:
    picture = numpy.zeros((4, 4, 3), numpy.uint8)
    with pipeline_run("adapt", {}, {}):
        for attempt, workers in enumerate((4, 2)):
            with stage_run(
                "pretrain", settings={"workers": workers, "rate": 1}, history=tmp_path / "history.jsonl"
            ) as run:
                if attempt:
                    run.resume(0)
                run.log_metrics(attempt, {"loss": attempt + 0.5})
                run.log_image("translation/target", picture, 0)
                run.log_table("results", pandas.DataFrame({"rank-1": [attempt]}))
                run.log_summary({"cmc/rank-1": 10.0 + attempt})
    retried = runs_of(client)["pretrain"]
    assert retried.data.params == {"pretrain.workers": "4", "pretrain.rate": "1"}
    assert json.loads(retried.data.tags["simpgan.changed"]) == {"pretrain.workers": ["4", "2"]}
    assert steps_of(client, retried, "loss") == [(0, 0.5), (1, 1.5)]
    assert retried.data.metrics["cmc/rank-1"] == 11.0
    assert len(client.list_artifacts(retried.info.run_id, "images")) == 2  # one picture, full and small
    table = client.load_table(retried.info.experiment_id, "results.json", [retried.info.run_id])
    assert table["rank-1"].tolist() == [1]


@pytest.mark.local
@pytest.mark.parametrize("in_pipeline", [True, False])
def test_killed_training_goes_on_with_an_exact_history(client: MlflowClient, tmp_path: Path, in_pipeline: bool) -> None:
    """In a pipeline the retry writes to the same run; alone it gets a new one, with all that the file holds."""

    def killed_then_finished() -> None:
        killed = start(train, tmp_path, 25)
        wait_until_sent(client, 25)  # beyond the checkpoint, which is of step 19
        killed.kill()
        killed.join()
        (run,) = runs_of(client).values() if not in_pipeline else [runs_of(client)["train_gan"]]
        assert run.info.status == "RUNNING"
        with (tmp_path / "history.jsonl").open("ab") as file:
            file.write(b'{"step": 26, "ti')
        assert exit_code(start(train, tmp_path)) == 0

    if in_pipeline:
        with pipeline_run("adapt", {}, {}):
            killed_then_finished()
        finished = runs_of(client)["train_gan"]
    else:
        killed_then_finished()
        experiment = client.get_experiment_by_name("simpgan")
        assert experiment
        finished, left_behind = client.search_runs([experiment.experiment_id])
        assert left_behind.info.status == "KILLED"
        assert "ended without a word" in left_behind.data.tags["simpgan.reason"]

    assert finished.info.status == "FINISHED"
    assert {name: steps_of(client, finished, name) for name in EXPECTED} == EXPECTED
    assert history_on_disk(tmp_path / "history.jsonl") == EXPECTED


def test_what_mlflow_lacks_of_earlier_steps_is_sent_on_resuming(client: MlflowClient, tmp_path: Path) -> None:
    """Whatever part reached MLflow before the end, even with a gap, the retry makes it whole."""
    path = tmp_path / "history.jsonl"
    with pipeline_run("adapt", {}, {}):
        with stage_run("train_gan", settings={}, history=path):
            pass
        run = runs_of(client)["train_gan"]
        lines = [Entry(step, 1000 + step, {"loss": step / 3}) for step in range(10)]
        MetricLog(path).truncate(None)
        MetricLog(path).append(lines)
        sent = [Metric("loss", step / 3, 1000 + step, step) for step in (0, 1, 4, 8, 9)]
        client.log_batch(run.info.run_id, metrics=sent)
        with stage_run("train_gan", settings={}, history=path) as resumed:
            resumed.resume(6)
            for step in range(7, 12):
                resumed.log_metrics(step, {"loss": step / 3})
    expected = [(step, step / 3) for step in range(12)]
    assert steps_of(client, run, "loss") == expected
    assert history_on_disk(path) == {"loss": expected}
