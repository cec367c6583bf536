"""The schedules that ship, with a bucket of one's own."""

import pytest
import yaml

from simpgan.components.core import images
from simpgan.pipelines.cluster.schedules import FOLDER
from tests.pipelines.graphs.compiled_tasks import dags


def test_a_scheduled_adapt_looks_at_its_data_every_time(kubeflow, schedule, folder, object_store, monkeypatch):
    object_store.fill({"market/a.jpg": b"1", "grid/a.jpg": b"2"})
    at = object_store.location
    monkeypatch.setattr(images, "LOCK", folder / "no-digests.json")
    content = yaml.safe_load((FOLDER / "weekly-adapt.yaml").read_text())
    content["options"] |= {"source": f"market1501:{at}/market", "target": f"grid:{at}/grid", "data-root": f"{at}/data"}
    path = folder / "weekly.yaml"
    path.write_text(yaml.safe_dump(content))
    assert schedule("apply", path) == ["weekly: created (0 30 2 * * SUN UTC)"]
    (version,) = kubeflow.versions.values()
    components = version.pipeline_spec["pipeline_spec"]["components"]
    graphs = dags(version.pipeline_spec["pipeline_spec"])
    every = {name: task for graph in graphs for name, task in graph.items()}
    assert {
        name: bool(task.get("cachingOptions"))
        for name, task in every.items()
        if "executorLabel" in components[task["componentRef"]["name"]]
    } == {
        "finish": False,
        "ingest": False,
        "ingest-2": False,
        "check": True,
        "pretrain": True,
        "train-gan": True,
        "translate": True,
        "evaluate": True,
    }
    pods = version.pipeline_spec["pipeline_spec"]["deploymentSpec"]["executors"].values()
    names = {each["value"] for pod in pods for each in pod["container"]["env"] if each["name"] == "SIMPGAN_PIPELINE"}
    (name,) = names
    assert name.startswith("adapt market1501 to station, ")
    object_store.fill({"grid/b.jpg": b"3"})
    assert schedule("apply", path) == ["weekly: left as it is (0 30 2 * * SUN UTC)"]


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.yaml")))
def test_the_schedules_that_ship_name_buckets_that_are_nobodys(kubeflow, schedule, object_store, folder, file):
    content = yaml.safe_load((FOLDER / file).read_text())
    places = [value for value in content["options"].values() if "s3://" in str(value)]
    assert places
    assert all("s3://your-bucket" in place for place in places)
    assert "no such bucket: s3://your-bucket" in schedule("apply", FOLDER / file, status=2)
    assert not kubeflow.recurring_runs


def test_a_scheduled_retraining_starts_one_run_at_a_time_and_makes_up_for_none(
    kubeflow, schedule, folder, object_store, monkeypatch
):
    monkeypatch.setattr(images, "LOCK", folder / "no-digests.json")
    content = yaml.safe_load((FOLDER / "nightly-retrain.yaml").read_text())
    content["options"] |= {"location": f"{object_store.location}/station", "data-root": f"{object_store.location}/data"}
    path = folder / "nightly.yaml"
    path.write_text(yaml.safe_dump(content))
    assert schedule("apply", path) == ["nightly: created (0 30 1 * * * UTC)"]
    (recurring,) = kubeflow.recurring_runs.values()
    assert (recurring.no_catchup, recurring.max_concurrency) == (True, "1")
    object_store.fill({"station/gate 1/1.jpg": b"new"})
    assert schedule("apply", path) == ["nightly: left as it is (0 30 1 * * * UTC)"]
