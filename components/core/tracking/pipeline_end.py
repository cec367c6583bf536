"""The end of a pipeline run in which every stage is a pod, and no process stands for the whole."""

import logging
import os
from typing import TYPE_CHECKING

from simpgan.components.core.tracking.context import pipeline_of_environment
from simpgan.components.core.tracking.errors import first_line
from simpgan.components.core.tracking.open_run import (
    LONGEST_TAG,
    NOTE_TAG,
    PIPELINE_TAG,
    PIPELINE_TASK,
    REASON_TAG,
    SILENT_END,
    STAGE_TAG,
    TASK_TAG,
    connect,
    find_experiment,
)
from simpgan.components.core.tracking.run_writer import METRICS_A_BATCH
from simpgan.components.core.tracking.status import Ending

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

logger = logging.getLogger(__name__)

LAST_STAGES = ("summarise", "evaluate")
RESULTS = ("rank-", "mAP/", "cmc/")
"""How the names of a pipeline's results begin."""


def close_pipeline(ending: Ending) -> list[str]:
    """Close what the pipeline run that the environment names has left RUNNING in MLflow.

    A stage that still counts as RUNNING was killed without a word. The pipeline's own run, if there is one, ends as
    `ending` says, with the reasons of its stages in its tag and its description.

    Returns:
        why it failed, a reason for each stage that did not finish, else that of `ending`; none if all is well. A
        server that does not answer is worth a warning, and has no reasons.
    """
    told = [ending.reason] if ending.reason else []
    pipeline = pipeline_of_environment()
    if not pipeline or not os.environ.get("MLFLOW_TRACKING_URI"):
        return told
    try:
        return close_runs(connect(), pipeline, ending) or told
    except Exception as error:
        logger.warning("MLflow was not told how the pipeline ended: %s", first_line(error))
        return told


def close_runs(client: "MlflowClient", pipeline: str, ending: Ending) -> list[str]:
    """Close the runs of a pipeline run. Returns the reasons of the stages that did not finish."""
    which = f"tag.`{PIPELINE_TAG}` = '{pipeline}' AND attributes.status != 'FINISHED'"
    unfinished = client.search_runs([find_experiment(client)], which, order_by=["attributes.start_time ASC"])
    stages = [run for run in unfinished if run.data.tags.get(TASK_TAG) != PIPELINE_TASK]
    reasons = [f"{stage.info.run_name}: {close_stage(client, stage)}" for stage in stages]
    for parent in unfinished:
        if parent not in stages and parent.info.status == "RUNNING":
            copy_results(client, parent)
            close_parent(client, parent, ending, reasons)
    return reasons


def close_stage(client: "MlflowClient", run: "Run") -> str:
    """Close the run of a stage if it is open. Returns why it did not finish."""
    if run.info.status == "RUNNING":
        client.set_tag(run.info.run_id, REASON_TAG, SILENT_END)
        client.set_terminated(run.info.run_id, "KILLED")
        return SILENT_END
    return run.data.tags.get(REASON_TAG, run.info.status)


def copy_results(client: "MlflowClient", parent: "Run") -> None:
    """Give the run of a pipeline the figures and curves of its last stage that has any, so that pipelines compare."""
    pipeline = parent.data.tags[PIPELINE_TAG]
    for stage in LAST_STAGES:
        which = f"tag.`{PIPELINE_TAG}` = '{pipeline}' AND tag.`{STAGE_TAG}` = '{stage}'"
        for run in client.search_runs([parent.info.experiment_id], which):
            names = [name for name in run.data.metrics if name.startswith(RESULTS)]
            metrics = [metric for name in names for metric in client.get_metric_history(run.info.run_id, name)]
            for start in range(0, len(metrics), METRICS_A_BATCH):
                client.log_batch(parent.info.run_id, metrics=metrics[start : start + METRICS_A_BATCH])
            if metrics:
                return


def close_parent(client: "MlflowClient", run: "Run", ending: Ending, reasons: list[str]) -> None:
    """Close the run of a pipeline, which says why it failed where a reader looks first."""
    reason = "; ".join(reasons) or ending.reason
    if ending.status != "FINISHED":
        client.set_tag(run.info.run_id, REASON_TAG, reason[:LONGEST_TAG])
        client.set_tag(run.info.run_id, NOTE_TAG, "\n".join(f"- {each}" for each in reasons or [reason])[:LONGEST_TAG])
    client.set_terminated(run.info.run_id, ending.status)
