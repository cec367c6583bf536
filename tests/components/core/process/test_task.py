"""What a process knows of the task it does."""

import json
import sys
from pathlib import Path

import pytest

from simpgan.components.core.process import task
from simpgan.components.core.process.task import Task, current_task, note_task
from tests.conftest import Ingested

EXECUTOR_INPUT = {
    "inputs": {
        "parameterValues": {"settings": "{}", "fold": "0"},
        "artifacts": {
            "source": {
                "artifacts": [
                    {
                        "name": "manifest",
                        "uri": "s3://bucket/v2/artifacts/adapt/1/ingest/manifest",
                        "metadata": {"name": "market1501", "digest": "5f1c"},
                        "type": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"},
                    }
                ]
            },
            "translated": {"artifacts": [{"uri": "/a"}, {"uri": "/b"}]},
        },
    },
    "outputs": {"outputFile": "/out.json"},
}


def test_kubeflow_tells_a_process_its_task_by_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = ["executor_main.py", "--executor_input", json.dumps(EXECUTOR_INPUT), "--function_to_execute", "evaluate"]
    monkeypatch.setattr(sys, "argv", executor)
    current = current_task()
    assert current
    assert (current.component, current.parameters) == ("evaluate", {"settings": "{}", "fold": "0"})
    (source,) = current.artifacts["source"]
    assert (source.digest, source.type, source.metadata["name"]) == ("5f1c", "system.Dataset", "market1501")
    assert [each.uri for each in current.artifacts["translated"]] == ["/a", "/b"]
    assert current.uri_of(Path("/s3/bucket/v2/artifacts/adapt/1/ingest/manifest")) == source.uri
    assert current.uri_of(Path("/b")) == "/b"
    assert current.uri_of(Path("/elsewhere")) == "/elsewhere"


def test_a_command_says_its_task_itself(ingested: Ingested, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(task, "_of_command", [])
    assert current_task() is None
    note_task(
        Task.of_command("pretrain", {"settings": "{}"}, {"source": ingested.source, "others": [tmp_path], "none": []})
    )
    current = current_task()
    assert current
    (source,) = current.artifacts["source"]
    assert (source.uri, source.metadata["name"]) == (str(ingested.source), "market1501")
    assert source.digest == source.metadata["digest"]
    assert set(current.artifacts) == {"source", "others"}
