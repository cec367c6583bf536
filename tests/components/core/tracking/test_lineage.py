"""Where a run says that it comes from."""

import json
import time
from pathlib import Path

import pandas
import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.process.task import InputArtifact, Task
from simpgan.components.core.tracking import stage_run, system_metrics
from tests.components.core.tracking.stages import runs_of, steps_of

COUNTS = {"images": 12, "people": 3, "cameras": 2}


def data_set(name: str) -> Manifest:
    """Twelve images of three people on two cameras."""
    images = pandas.DataFrame({"name": [f"{number:02}.jpg" for number in range(12)], "shard": "0", "sha256": "5f"})
    images = images.assign(position=images.index, width=64, height=128, time=0)
    images = images.assign(person=images.index % 3, camera=images.index % 2)
    return Manifest(name, images, pandas.DataFrame(columns=["image", "protocol", "fold", "role"]))


@pytest.fixture
def in_pipeline(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("SIMPGAN_PIPELINE_RUN", "one")
    return monkeypatch


def test_data_sets_are_inputs_once_whatever_is_tried_again(
    client: MlflowClient, tmp_path: Path, in_pipeline: pytest.MonkeyPatch
) -> None:
    market, grid = data_set("market1501"), data_set("grid")
    task = Task(component="pretrain", artifacts={"target": [InputArtifact(uri="s3://cameras/grid")]})
    for _ in range(2):
        with stage_run("pretrain", settings={}, task=task, history=tmp_path / "history.jsonl") as run:
            run.log_data_set(market, Path("/data/market1501"), "train")
            run.log_data_set(grid, Path("/s3/cameras/grid"), "eval")
    inputs = {each.dataset.name: each for each in runs_of(client)["pretrain"].inputs.dataset_inputs}
    assert inputs.keys() == {"market1501", "grid"}
    of_source = inputs["market1501"]
    assert of_source.dataset.digest == market.digest[:36]
    assert json.loads(of_source.dataset.profile) == {"num_rows": 12, **COUNTS, "digest": market.digest}
    assert json.loads(of_source.dataset.source) == {"uri": "/data/market1501"}
    assert [(tag.key, tag.value) for tag in of_source.tags] == [("mlflow.data.context", "train")]
    assert inputs["grid"].dataset.source_type == "s3"
    assert json.loads(inputs["grid"].dataset.source) == {"uri": "s3://cameras/grid"}


def test_a_run_keeps_what_it_takes_to_repeat_it(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = {
        "source": [InputArtifact(uri="s3://a/source", digest="5f1c")],
        "counterparts": [InputArtifact(uri="/one"), InputArtifact(uri="/two")],
    }
    task = Task(component="evaluate", parameters={"data_root": "s3://a/data"}, artifacts=artifacts)
    monkeypatch.setenv("SIMPGAN_IMAGE", "registry.example/simpgan/evaluate@sha256:0")
    monkeypatch.setenv("SIMPGAN_COMMIT", "0123abc")
    digests = {"source": "5f1c", "counterpart-0": "1", "counterpart-1": "2"}
    with stage_run("evaluate", settings={"batch": 8}, task=task, history=tmp_path / "history.jsonl", inputs=digests):
        pass
    run = runs_of(client)["evaluate"]
    kept = json.loads(Path(client.download_artifacts(run.info.run_id, "inputs.json", str(tmp_path))).read_text())
    assert (kept["component"], kept["parameters"], kept["settings"]) == (
        "evaluate",
        {"data_root": "s3://a/data"},
        {"batch": 8},
    )
    told = {name: [(each["uri"], each["digest"]) for each in given] for name, given in kept["artifacts"].items()}
    assert told == {"source": [("s3://a/source", "5f1c")], "counterparts": [("/one", "1"), ("/two", "2")]}
    assert kept["image"] == run.data.tags["simpgan.image"] == "registry.example/simpgan/evaluate@sha256:0"
    assert kept["commit"] == run.data.tags["mlflow.source.git.commit"] == "0123abc"


def test_the_machine_is_measured_as_long_as_the_stage_runs_and_again_when_it_is_tried_again(
    client: MlflowClient, tmp_path: Path, in_pipeline: pytest.MonkeyPatch
) -> None:
    in_pipeline.setattr(system_metrics, "SAMPLE_SECONDS", 1.0)
    samples = []
    for _ in range(2):
        with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl") as run:
            assert run._queue
            run._queue.opened.wait()
            time.sleep(1.5)
        samples.append(steps_of(client, runs_of(client)["pretrain"], "system/cpu_utilization_percentage"))
    steps = [step for step, _ in samples[1]]
    assert samples[1][: len(samples[0])] == samples[0]
    assert len(steps) > len(samples[0]) >= 1
    assert steps == sorted(set(steps))


def test_a_machine_that_cannot_be_measured_harms_nobody(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[object]:
        raise PermissionError("/proc is hidden")

    monkeypatch.setattr(system_metrics, "available_monitors", broken)
    with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl") as run:
        run.log_metrics(0, {"loss": 1.0})
    assert runs_of(client)["pretrain"].info.status == "FINISHED"
    assert runs_of(client)["pretrain"].data.metrics == {"loss": 1.0}


def test_curves_have_a_value_a_rank_once(client: MlflowClient, tmp_path: Path, in_pipeline: pytest.MonkeyPatch) -> None:
    import numpy

    for _ in range(2):
        with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
            run.log_curves(
                {"cmc/all250/direct": numpy.array([25.0, 50.0, 100.0]), "cmc/all250/gan": numpy.array([75.0])}
            )
    evaluated = runs_of(client)["evaluate"]
    assert steps_of(client, evaluated, "cmc/all250/direct") == [(1, 25.0), (2, 50.0), (3, 100.0)]
    assert steps_of(client, evaluated, "cmc/all250/gan") == [(1, 75.0)]
