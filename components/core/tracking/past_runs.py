"""Past runs in MLflow: the stages of a pipeline, and what is needed to repeat one of them."""

import json
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking.client import connect, find_experiment, search_stage_runs, without_quotes
from simpgan.components.core.tracking.errors import explain, run_lookup_explained
from simpgan.components.core.tracking.lineage import INPUTS
from simpgan.components.core.tracking.tags import (
    FAILURE,
    PARENT_TAG,
    PIPELINE_TAG,
    PIPELINE_TASK,
    RERUN_TAG,
    STAGE_TAG,
    TASK_TAG,
)

if TYPE_CHECKING:
    from mlflow.entities import Run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PastRun:
    """A stage's run in MLflow.

    Attributes:
        id: id of the run.
        name: name that people read, such as "train_gan simpgan folds10:0".
        stage: name of the stage, such as "train_gan".
    """

    id: str
    name: str
    stage: str

    @classmethod
    def from_entity(cls, run: "Run") -> Self:
        """Convert from MLflow's entity."""
        return cls(run.info.run_id, run.info.run_name, run.data.tags[STAGE_TAG])


def find_stage_runs(run_id: str) -> list[PastRun]:
    """Return the runs of a pipeline's stages, oldest first; for the run of a stage, that run.

    Raises:
        UserError: MLflow is not named, does not answer, or has no such run; or the run is of no stage or pipeline.
    """
    with run_lookup_explained(run_id):
        client = connect()
        run = client.get_run(run_id)
        if STAGE_TAG in run.data.tags:
            return [PastRun.from_entity(run)]
        which = f"tag.`{PARENT_TAG}` = '{without_quotes(run_id)}'"
        runs = client.search_runs([run.info.experiment_id], which, order_by=["attributes.start_time ASC"])
    stages = [each for each in runs if STAGE_TAG in each.data.tags and RERUN_TAG not in each.data.tags]
    if not stages:
        raise UserError(f"the MLflow run {run_id} has no runs of stages: give that of a pipeline, or that of a stage")
    return [PastRun.from_entity(each) for each in stages]


def read_inputs(run: PastRun) -> dict[str, Any]:
    """Return the content of `INPUTS` of a run.

    Raises:
        UserError: the run has none, or it cannot be fetched.
    """
    with run_lookup_explained(run.id), tempfile.TemporaryDirectory() as folder:
        client = connect()
        if not any(file.path == INPUTS for file in client.list_artifacts(run.id)):
            raise UserError(f"the run {run.id} ({run.name}) has no {INPUTS}, so nothing tells what it was given")
        return json.loads(Path(client.download_artifacts(run.id, INPUTS, folder)).read_bytes())


def has_refused(pipeline: str) -> bool:
    """Tell whether a stage of a pipeline run ended by a UserError; False if MLflow is not named or does not answer.

    Any other failure leaves its traceback in the run.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return False
    try:
        client = connect()
        failed = [run for run in search_stage_runs(client, pipeline) if run.info.status == "FAILED"]
        return any(all(file.path != FAILURE for file in client.list_artifacts(run.info.run_id)) for run in failed)
    except Exception as error:
        logger.warning("MLflow does not tell whether a stage refused its inputs: %s", explain(error))
        return False


def find_task_run(pipeline: str, task: str) -> str:
    """Return the id of the run of a pipeline's task; empty if MLflow has none or does not answer."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return ""
    which = f"tag.`{PIPELINE_TAG}` = '{without_quotes(pipeline)}' AND tag.`{TASK_TAG}` = '{without_quotes(task)}'"
    try:
        client = connect()
        found = client.search_runs([find_experiment(client)], which, max_results=1)
    except Exception:  # the new run then names its parent in words only
        return ""
    return found[0].info.run_id if found and task != PIPELINE_TASK else ""
