"""One stage of a past run again: what it is given, what may differ, and what is refused."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.task import InputArtifact, Task
from simpgan.components.core.results.rows import ResultsRow, read_results, write_results
from simpgan.components.core.tracking import open_pipeline, parent_run, stage_run
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.summarise import stage as summarise
from simpgan.components.summarise.settings import SummariseSettings
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.pipelines.runner.rerun import fetched_artifact, prepare_rerun, resolved, run_again
from simpgan.pipelines.runner.task_records import PastTask, find_past_task, keep_task, read_task, slug
from tests.servers.seaweedfs import S3


def train_gan(**parameters: str) -> PastTask:
    given = {"method": "simpgan", "protocol": "folds10", "fold": "3", "changes": "{}", "data_root": "/data"}
    settings = TrainGanSettings(steps=4, method="gan").model_dump_json()
    return PastTask(component="train_gan", name="train_gan", parameters={**given, "settings": settings, **parameters})


def test_without_a_change_the_task_is_the_same():
    past = train_gan()
    again = prepare_rerun(past, [])
    assert again.task.parameters == past.parameters
    assert again.differences == []


def test_a_setting_is_changed_where_the_component_takes_it_from():
    past = train_gan(changes='{"lambda_similarity": 0.1}')
    assert resolved(past)["lambda_similarity"] == 0.1
    assignments = ["train_gan.steps=6", "train_gan.method=cyclegan", "lambda_similarity=2", "train_gan.fold=4"]
    again = prepare_rerun(past, assignments)
    assert again.differences == [
        "train_gan.fold 3 -> 4",
        "train_gan.lambda_similarity 0.1 -> 2.0",
        "train_gan.method simpgan -> cyclegan",
        "train_gan.steps 4 -> 6",
    ]
    parameters = again.task.parameters
    assert (parameters["method"], parameters["fold"]) == ("cyclegan", "4")
    assert json.loads(parameters["changes"]) == {"lambda_similarity": 2}
    assert json.loads(parameters["settings"]) == {**json.loads(past.parameters["settings"]), "steps": 6}


def test_other_code_is_said(monkeypatch):
    monkeypatch.setenv("SIMPGAN_COMMIT", "new")
    past = train_gan().model_copy(update={"commit": "old"})
    assert prepare_rerun(past, []).differences == ["code old -> new"]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train_gan.stepps=6", r"unknown setting 'train_gan.stepps': did you mean 'steps'\?"),
        ("train_gan.steps=none", r"setting 'train_gan.steps' = 'none'"),
        ("pretrain.epochs=3", r"--set pretrain.epochs: only train_gan is run again: leave it out"),
        ("trian_gan.steps=3", r"unknown stage 'trian_gan'"),
    ],
)
def test_what_cannot_be_set_is_refused(assignment, message):
    with pytest.raises(UserError, match=message):
        prepare_rerun(train_gan(), [assignment])


@pytest.fixture
def out(tmp_path, monkeypatch):
    """The folder of a run with two trainings of one stage, and one of another; nothing is recorded in MLflow."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("train_gan gan all250:0", "train_gan simpgan all250:0"):
        keep_task(tmp_path, name, prepare_rerun(train_gan(), []).task, "first")
    settings = PretrainSettings().model_dump_json()
    task = Task(component="pretrain", parameters={"settings": settings, "data_root": "/data"})
    keep_task(tmp_path, "pretrain (market1501, seed 0)", task, "first")
    return tmp_path


def test_a_task_is_found_by_its_stage_or_by_its_name(out):
    assert find_past_task(str(out), "pretrain").name == "pretrain (market1501, seed 0)"
    assert find_past_task(str(out), "train_gan gan all250:0").component == "train_gan"


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("train-gan", r"2 tasks 'train-gan': give one of these names: 'train_gan gan all250:0', 'train_gan simpgan"),
        ("pretrian", r"the run has no stage 'pretrian': did you mean 'pretrain'\?"),
        ("evaluate", r"the run has no stage 'evaluate'"),
    ],
)
def test_a_stage_that_the_run_did_not_have_or_had_twice_is_refused(out, stage, message):
    with pytest.raises(UserError, match=message):
        find_past_task(str(out), stage)


def test_what_is_no_run_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no tasks in"):
        find_past_task(str(tmp_path), "pretrain")
    with pytest.raises(UserError, match="neither a folder nor the id of an MLflow run"):
        find_past_task("runs/nowhere", "pretrain")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match="set MLFLOW_TRACKING_URI"):
        find_past_task("0" * 32, "pretrain")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:secret@127.0.0.1:9")
    with pytest.raises(UserError, match=r"MLflow at http://127.0.0.1:9 cannot be asked") as refused:
        find_past_task("0" * 32, "pretrain")
    assert "secret" not in str(refused.value)


def test_what_the_cache_has_is_still_the_task_of_the_run_that_did_it(out):
    name = "pretrain (market1501, seed 0)"
    path = out / "tasks" / f"{slug(name)}.json"
    task = Task.model_validate(read_task(path).model_dump(include=set(Task.model_fields)))
    keep_task(out, name, task, None)
    assert read_task(path).pipeline_run == "first"
    other = task.model_copy(update={"parameters": {**task.parameters, "data_root": "/elsewhere"}})
    keep_task(out, name, other, None)
    assert (read_task(path).pipeline_run, read_task(path).parameters["data_root"]) == ("", "/elsewhere")


def test_in_a_copy_of_a_run_the_inputs_and_the_data_are_those_of_the_copy(out, tmp_path):
    given = {name: [InputArtifact(uri=uri)] for name, uri in (("source", f"{out}/source"), ("target", "s3://b/target"))}
    task = Task(component="umdl", parameters={"data_root": f"{out}/data", "fold": "0"}, artifacts=given)
    keep_task(out, "umdl", task, "first")
    assert find_past_task(str(out), "umdl").artifacts == given
    copy = Path(shutil.copytree(out, tmp_path.with_name("copy")))
    past = find_past_task(str(copy), "umdl")
    assert past.artifacts["source"][0].uri == f"{copy}/source"
    assert past.artifacts["target"] == given["target"]
    assert past.parameters == {"data_root": f"{copy}/data", "fold": "0"}
    assert find_past_task(str(copy), "pretrain").parameters["data_root"] == "/data"


def test_another_data_root_takes_the_place_of_the_recorded_one():
    again = prepare_rerun(train_gan(), [], data_root="s3://bucket/data")
    assert again.task.parameters["data_root"] == "s3://bucket/data"
    assert prepare_rerun(train_gan(), []).task.parameters["data_root"] == "/data"


def test_an_input_that_is_gone_or_another_one_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"digest": "new"}')
    kept = InputArtifact(uri=str(tmp_path), digest="new")
    assert fetched_artifact("source", kept) == kept
    with pytest.raises(UserError, match=r"the input 'source' at .* has changed: it had the digest old"):
        fetched_artifact("source", InputArtifact(uri=str(tmp_path), digest="old"))
    with pytest.raises(UserError, match=r"the input 'source' is gone: nothing lies at .*nowhere: run the stage"):
        fetched_artifact("source", InputArtifact(uri=str(tmp_path / "nowhere")))
    with pytest.raises(UserError, match="only folders and s3://"):
        fetched_artifact("source", InputArtifact(uri="gs://bucket/source"))


def row(seed: int, rank_1: float) -> ResultsRow:
    rates = {"rank_5": 80, "rank_10": 90, "rank_20": 95, "mAP": 40, "mAP_trapezoidal": 40, "mINP": 20}
    split = {"source": "market1501", "target": "grid", "method": "direct", "protocol": "all250", "fold": 0}
    return ResultsRow(**split, **rates, seed=seed, rank_1=rank_1, probes=4, gallery=9)


@pytest.fixture
def recorded(set_up_store, tmp_path, s3_server: S3, monkeypatch):
    """A pipeline run of a cluster, with artifacts in an object store: client of MLflow, id of its run there, bucket."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    uri = f"sqlite:///{shutil.copy(set_up_store, tmp_path)}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("KFP_RUN_ID", "weekly")
    monkeypatch.setenv("SIMPGAN_COMMIT", "0123abc")
    monkeypatch.setattr(parent_run, "SETTLING_SECONDS", 0.0)
    bucket = s3_server.bucket(f"pipelines-{tmp_path.name.replace('_', '-')}"[:60].strip("-").lower())
    artifacts, folders = [], []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        write_results([row(seed, 25 + 50 * seed)], folder / "results.json")
        folders.append(folder)
        key = f"v2/artifacts/table1/weekly/evaluate-{seed}/results"
        s3_server.client().upload_file(
            str(folder / "results.json"), bucket.removeprefix("s3://"), f"{key}/results.json"
        )
        artifacts.append({"name": "results", "uri": f"{bucket}/{key}", "type": {"schemaTitle": "system.Artifact"}})
    settings = SummariseSettings(resamples=99)
    given = {
        "inputs": {
            "parameterValues": {"settings": settings.model_dump_json()},
            "artifacts": {"results": {"artifacts": artifacts}},
        }
    }
    executor = ["executor_main", "--executor_input", json.dumps(given), "--function_to_execute", "summarise"]
    pipeline = open_pipeline("weekly", "table1", {}, {})
    with monkeypatch.context() as pod:
        pod.setattr(sys, "argv", executor)
        summarise.run(folders, settings, tmp_path / "summary")
    monkeypatch.delenv("KFP_RUN_ID")
    return MlflowClient(uri), pipeline.info.run_id, bucket


@pytest.mark.servers
def test_a_stage_of_a_cluster_s_run_is_run_again_here(recorded, tmp_path):
    client, pipeline, bucket = recorded
    past = find_past_task(pipeline, "summarise")
    assert past.run_id
    assert find_past_task(past.run_id, "summarise") == past
    assert all(each.digest for each in past.artifacts["results"])
    out = tmp_path / "again"
    again = prepare_rerun(past, ["summarise.resamples=199"])
    assert again.differences == ["summarise.resamples 99 -> 199"]
    run_again(again, past, out)
    assert read_results(out / "summary" / "results.json") == read_results(tmp_path / "summary" / "results.json")

    (new,) = [run for run in client.search_runs(["1"]) if "simpgan.rerun_of" in run.data.tags]
    assert new.data.tags["simpgan.rerun_of"] == new.data.tags["mlflow.parentRunId"] == past.run_id
    assert new.data.params["summarise.resamples"] == "199"
    assert (new.info.status, new.info.run_name) == ("FINISHED", "summarise, rerun")
    assert client.get_run(past.run_id).data.params["summarise.resamples"] == "99"
    assert find_past_task(pipeline, "summarise") == past

    with pytest.raises(UserError, match="holds a rerun that has ended: choose another --out"):
        run_again(again, past, out)

    gone = InputArtifact(uri=f"{bucket}/nothing")
    with pytest.raises(UserError, match="the input 'results' is gone"):
        fetched_artifact("results", gone)


def test_a_run_that_mlflow_does_not_have_is_told(client, tmp_path):
    with pytest.raises(UserError, match=r"has no run 0{32}: check MLFLOW_TRACKING_URI and the id"):
        find_past_task("0" * 32, "train_gan")
    with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"):
        pass
    (run,) = client.search_runs(["1"])
    with pytest.raises(UserError, match="the run has no stage 'train_gan': "):
        find_past_task(run.info.run_id, "train_gan")
    other = client.create_run("1", run_name="something else").info.run_id
    with pytest.raises(UserError, match="has no runs of stages"):
        find_past_task(other, "train_gan")
