"""What MLflow knows of runs of the past: their stages, and what it takes to do one of them again."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking.errors import first_line
from simpgan.components.core.tracking.lineage import INPUTS
from simpgan.components.core.tracking.open_run import (
    PIPELINE_TAG,
    PIPELINE_TASK,
    RERUN_TAG,
    STAGE_TAG,
    TASK_TAG,
    connect,
    find_experiment,
    quotable,
)

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True)
class PastRun:
    """A stage's run in MLflow.

    Attributes:
        id: of the run.
        name: what people read, such as "train_gan simpgan folds10:0".
        stage: such as "train_gan".
    """

    id: str
    name: str
    stage: str


def past_runs(run_id: str) -> list[PastRun]:
    """The runs of the stages of a pipeline's run, or the run itself if it is a stage's; the oldest one first.

    Raises:
        UserError: MLflow is not named, does not answer, or has no such run; or the run is of no stage or pipeline.
    """
    with asked(run_id):
        client = connect()
        run = client.get_run(run_id)
        if STAGE_TAG in run.data.tags:
            return [past_run(run)]
        which = f"tag.`mlflow.parentRunId` = '{quotable(run_id)}'"
        runs = client.search_runs([run.info.experiment_id], which, order_by=["attributes.start_time ASC"])
    stages = [past_run(each) for each in runs if STAGE_TAG in each.data.tags and RERUN_TAG not in each.data.tags]
    if not stages:
        raise UserError(f"the MLflow run {run_id} has no runs of stages: give that of a pipeline, or that of a stage")
    return stages


def past_run(run: "Run") -> PastRun:
    """What matters of MLflow's run of a stage."""
    return PastRun(run.info.run_id, run.info.run_name, run.data.tags[STAGE_TAG])


def recorded_inputs(run: PastRun) -> dict[str, Any]:
    """What `INPUTS` says of a run.

    Raises:
        UserError: the run has none, or it cannot be fetched.
    """
    with asked(run.id), tempfile.TemporaryDirectory() as folder:
        client = connect()
        if not any(file.path == INPUTS for file in client.list_artifacts(run.id)):
            raise UserError(f"the run {run.id} ({run.name}) has no {INPUTS}, so nothing tells what it was given")
        return json.loads(Path(client.download_artifacts(run.id, INPUTS, folder)).read_bytes())


def find_task(pipeline: str, task: str) -> str:
    """The id of the run of a pipeline's task; empty if MLflow has none, or does not answer."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return ""
    which = f"tag.`{PIPELINE_TAG}` = '{quotable(pipeline)}' AND tag.`{TASK_TAG}` = '{quotable(task)}'"
    try:
        client = connect()
        found = client.search_runs([find_experiment(client)], which, max_results=1)
    except Exception:  # the new run then names its parent in words only
        return ""
    return found[0].info.run_id if found and task != PIPELINE_TASK else ""


@contextmanager
def asked(run_id: str) -> Iterator[None]:
    """Turn what goes wrong when MLflow is asked for a run into one line that says what to do."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise UserError(f"nothing tells where the MLflow run {run_id} is: set MLFLOW_TRACKING_URI")
    where = uri.rpartition("@")[2]
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
            raise UserError(f"MLflow at {where} has no run {run_id}: check MLFLOW_TRACKING_URI and the id") from None
        raise UserError(f"MLflow at {where} cannot be asked for the run {run_id}: {first_line(error)}") from None
