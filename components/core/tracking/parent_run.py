"""The run under which those of a pipeline's stages nest, where every stage is a pod and nobody creates it first."""

import logging
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simpgan.components.core.tracking.errors import first_line
from simpgan.components.core.tracking.open_run import (
    NOTE_TAG,
    PIPELINE_TAG,
    PIPELINE_TASK,
    TASK_TAG,
    connect,
    description,
    find_experiment,
    flat,
    log_parameters,
    origin,
    quotable,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

logger = logging.getLogger(__name__)

SETTLING_SECONDS = 2.0
"""Longer than from looking for a run to having created it, so that two that create one at once see each other's."""


def open_pipeline(pipeline: str, name: str, tags: Mapping[str, str], parameters: Mapping[str, Any]) -> str | None:
    """Record a pipeline run that a cluster has begun; its stages nest under it, and its exit handler closes it.

    Args:
        pipeline: id of the run on the cluster.
        name: what people read.
        tags: what people search by.
        parameters: arguments of the pipeline, nested or flat; recorded as `pipeline.<name>`.

    Returns:
        id of the run in MLflow; None if no server is named or it does not answer: the first stage creates the run then.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return None
    try:
        client = connect()
        run = find_or_create_parent(client, find_experiment(client), pipeline, name)
        run_id = run.info.run_id
        client.update_run(run_id, name=name)
        for tag, value in {**tags, NOTE_TAG: description(name, tags)}.items():
            client.set_tag(run_id, tag, value)
        log_parameters(client, run_id, flat(PIPELINE_TASK, parameters), run.data.params)
    except Exception as error:
        logger.warning("MLflow was not told of the pipeline run, its first stage will: %s", first_line(error))
        return None
    return run_id


def find_or_create_parent(client: "MlflowClient", experiment: str, pipeline: str, name: str) -> "Run":
    """The run of a pipeline, one however many processes ask for it at once.

    MLflow has nothing that only one process can do. So each that finds no run creates one, waits until the others have
    done so too, and then all take the same one of what there is; the others are deleted by those who created them.
    """
    if found := find_parent(client, experiment, pipeline):
        return found
    tags = {**origin(), PIPELINE_TAG: quotable(pipeline), TASK_TAG: PIPELINE_TASK, NOTE_TAG: description(name, {})}
    created = client.create_run(experiment, tags=tags, run_name=name)
    time.sleep(SETTLING_SECONDS)
    first = find_parent(client, experiment, pipeline) or created
    if first.info.run_id != created.info.run_id:
        client.delete_run(created.info.run_id)
    return first


def find_parent(client: "MlflowClient", experiment: str, pipeline: str) -> "Run | None":
    """The run of a pipeline: the oldest one if there are several."""
    which = f"tag.`{PIPELINE_TAG}` = '{quotable(pipeline)}' AND tag.`{TASK_TAG}` = '{PIPELINE_TASK}'"
    found = client.search_runs([experiment], which)
    return min(found, key=lambda run: (run.info.start_time, run.info.run_id), default=None)
