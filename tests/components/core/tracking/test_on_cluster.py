"""Which run a pod writes to, where nobody but its settings and inputs tells it from the others of its stage."""

import os
import shutil

import pytest
from mlflow.tracking import MlflowClient

from simpgan.components.core.tracking import stage_run


@pytest.fixture(scope="module")
def uri(set_up_store, tmp_path_factory):
    """A store for all tests here."""
    return f"sqlite:///{shutil.copy(set_up_store, tmp_path_factory.mktemp('store'))}"


@pytest.fixture
def record(uri, tmp_path, monkeypatch):
    """Records a stage in a pod of some pipeline run; returns the tasks of all runs of that pipeline run."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "SIMPGAN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    def record(pipeline_run, seed, source="sha256:1"):
        monkeypatch.setenv("KFP_RUN_ID", pipeline_run)
        settings, inputs = {"seed": seed}, {"source": source}
        with stage_run("pretrain", settings=settings, inputs=inputs, history=tmp_path / "history.jsonl"):
            pass
        client = MlflowClient(uri)
        experiment = client.get_experiment_by_name("simpgan").experiment_id
        found = client.search_runs([experiment], f"tag.`simpgan.pipeline_run` = '{pipeline_run}'")
        assert {run.info.run_name for run in found} == {"pretrain"}
        return [run.data.params["pretrain.seed"] for run in found]

    return record


def test_two_seeds_have_a_run_each_and_a_retry_goes_on_in_its_own(record):
    assert record("one", 0) == ["0"]
    assert sorted(record("one", 1)) == ["0", "1"]
    assert sorted(record("one", 0)) == ["0", "1"]


def test_two_sources_have_a_run_each(record):
    record("two", 0, "sha256:1")
    assert record("two", 0, "sha256:2") == ["0", "0"]


def test_another_pipeline_run_has_runs_of_its_own(record):
    record("three", 0)
    assert record("four", 0) == ["0"]
