"""Find or create the MLflow run that a process writes to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simpgan.components.core.tracking.client import close_dead_runs, find_experiment, log_parameters, without_quotes
from simpgan.components.core.tracking.parent_run import find_or_create_parent, find_parent, reopen_parent
from simpgan.components.core.tracking.run_owner import host_name, process_mark
from simpgan.components.core.tracking.tags import (
    CHANGED_TAG,
    LONGEST_PARAMETER,
    LONGEST_TAG,
    NOTE_TAG,
    PARENT_TAG,
    PIPELINE_TAG,
    PIPELINE_TASK,
    PROCESS_TAG,
    REASON_TAG,
    TASK_TAG,
    origin_tags,
    run_description,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class RunRequest:
    """The run to find or create, and its initial content.

    Attributes:
        pipeline: identifies the runs that belong together.
        task: tells these runs apart; `PIPELINE_TASK` is the parent of the others.
        name: name that people read.
        run_id: existing MLflow run to write to; None to find or create the run.
        alone: True if no other process of this pipeline is running yet.
        parent: MLflow run to nest under; None for the run of the pipeline.
        pipeline_name: name for the parent run to create if it is missing; empty: never create or reopen it.
        tags: tag names to values.
        parameters: parameter names to values.
    """

    pipeline: str
    task: str
    name: str
    run_id: str | None
    alone: bool
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    parent: str | None = None
    pipeline_name: str = ""


def open_run(client: "MlflowClient", request: RunRequest) -> tuple["Run", bool]:
    """Find or create the run of `request`.

    Returns:
        The run, as an earlier attempt left it or new, and whether there was an earlier attempt.
    """
    experiment = find_experiment(client)
    if request.alone:
        close_dead_runs(client, f"tag.`{PROCESS_TAG}` LIKE '{host_name()}:%'")
    found = client.get_run(request.run_id) if request.run_id else _find(client, experiment, request)
    run = found or _create(client, experiment, request)
    log_parameters(client, run.info.run_id, request.parameters, run.data.params)
    if found:
        _reopen(client, found, request)
    if request.pipeline_name and (parent := run.data.tags.get(PARENT_TAG)):
        reopen_parent(client, parent)
    return run, found is not None


def _find(client: "MlflowClient", experiment: str, request: RunRequest) -> "Run | None":
    pipeline, task = without_quotes(request.pipeline), without_quotes(request.task)
    which = f"tag.`{PIPELINE_TAG}` = '{pipeline}' AND tag.`{TASK_TAG}` = '{task}'"
    return next(iter(client.search_runs([experiment], which, max_results=1)), None)


def _create(client: "MlflowClient", experiment: str, request: RunRequest) -> "Run":
    tags = {**_tags(request), NOTE_TAG: run_description(request.name, request.tags)}
    if parent := request.parent or _parent(client, experiment, request):
        tags[PARENT_TAG] = parent
    return client.create_run(experiment, tags=tags, run_name=request.name)


def _parent(client: "MlflowClient", experiment: str, request: RunRequest) -> str | None:
    if request.task == PIPELINE_TASK:
        return None
    if request.pipeline_name:
        return find_or_create_parent(client, experiment, request.pipeline, request.pipeline_name).info.run_id
    found = find_parent(client, experiment, request.pipeline)
    return found.info.run_id if found else None


def _reopen(client: "MlflowClient", run: "Run", request: RunRequest) -> None:
    """Make a run that an earlier attempt left in any state a running one again."""
    from mlflow.entities import RunTag

    run_id = run.info.run_id
    tags = _tags(request)
    changed = {
        name: [run.data.params[name], value]
        for name, value in request.parameters.items()
        if run.data.params.get(name, value[:LONGEST_PARAMETER]) != value[:LONGEST_PARAMETER]
    }
    if NOTE_TAG not in run.data.tags:  # another program created the run
        tags[NOTE_TAG] = run_description(request.name, request.tags)
    if changed:
        tags[CHANGED_TAG] = json.dumps(changed)[:LONGEST_TAG]
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
    if REASON_TAG in run.data.tags:
        client.delete_tag(run_id, REASON_TAG)
    client.update_run(run_id, status="RUNNING")


def _tags(request: RunRequest) -> dict[str, str]:
    return {
        **origin_tags(),
        **request.tags,
        PIPELINE_TAG: without_quotes(request.pipeline),
        TASK_TAG: without_quotes(request.task),
        PROCESS_TAG: process_mark(),
    }
