"""The parent run of a pipeline whose stages are pods: no single process creates it first."""

import logging
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simpgan.components.core.tracking.client import (
    connect,
    find_experiment,
    flatten_parameters,
    log_parameters,
    without_quotes,
)
from simpgan.components.core.tracking.errors import explain
from simpgan.components.core.tracking.tags import (
    NOTE_TAG,
    PIPELINE_TAG,
    PIPELINE_TASK,
    REASON_TAG,
    TASK_TAG,
    origin_tags,
    run_description,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

logger = logging.getLogger(__name__)

SETTLING_SECONDS = 2.0
"""Longer than the time from searching for a run to having created it: two that create one at once see each other's."""


def open_pipeline(pipeline: str, name: str, tags: Mapping[str, str], parameters: Mapping[str, Any]) -> "Run | None":
    """Record a pipeline run that a cluster has started. Its stages nest under it, and its exit handler closes it.

    Args:
        pipeline: id of the run on the cluster.
        name: name that people read.
        tags: what people search by.
        parameters: arguments of the pipeline, nested or flat; recorded as `pipeline.<name>`.

    Returns:
        The run in MLflow; None if no server is named or it does not answer. The first stage then creates the run.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return None
    try:
        client = connect()
        run = find_or_create_parent(client, find_experiment(client), pipeline, name)
        run_id = run.info.run_id
        client.update_run(run_id, name=name)
        for tag, value in {**tags, NOTE_TAG: run_description(name, tags)}.items():
            client.set_tag(run_id, tag, value)
        log_parameters(client, run_id, flatten_parameters(PIPELINE_TASK, parameters), run.data.params)
    except Exception as error:
        logger.warning("MLflow was not told of the pipeline run, its first stage will: %s", explain(error))
        return None
    return run


def find_or_create_parent(client: "MlflowClient", experiment: str, pipeline: str, name: str) -> "Run":
    """Return the run of a pipeline: the same one to all processes that ask at once.

    MLflow has no operation that only one process can do. Each process that finds no run creates one and waits until
    the others must have done so too. Then all take the oldest, and each deletes its own if it is another.
    """
    if found := find_parent(client, experiment, pipeline):
        return found
    tags = {
        **origin_tags(),
        PIPELINE_TAG: without_quotes(pipeline),
        TASK_TAG: PIPELINE_TASK,
        NOTE_TAG: run_description(name, {}),
    }
    created = client.create_run(experiment, tags=tags, run_name=name)
    time.sleep(SETTLING_SECONDS)
    first = find_parent(client, experiment, pipeline) or created
    if first.info.run_id != created.info.run_id:
        client.delete_run(created.info.run_id)
    return first


def find_parent(client: "MlflowClient", experiment: str, pipeline: str) -> "Run | None":
    """Return the run of a pipeline, the oldest if there are several; None if there is none."""
    which = f"tag.`{PIPELINE_TAG}` = '{without_quotes(pipeline)}' AND tag.`{TASK_TAG}` = '{PIPELINE_TASK}'"
    found = client.search_runs([experiment], which)
    return min(found, key=lambda run: (run.info.start_time, run.info.run_id), default=None)


def reopen_parent(client: "MlflowClient", run_id: str) -> None:
    """Make the closed run of a pipeline a running one: the server retries a run whose exit handler has closed it."""
    run = client.get_run(run_id)
    if run.info.status == "RUNNING":
        return
    client.update_run(run_id, status="RUNNING")
    client.set_tag(run_id, NOTE_TAG, run_description(run.info.run_name, run.data.tags))
    if REASON_TAG in run.data.tags:
        client.delete_tag(run_id, REASON_TAG)
