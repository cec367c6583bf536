"""Close a pipeline run whose stages are pods: no process represents the whole pipeline."""

import logging
import os
from typing import TYPE_CHECKING

from simpgan.components.core.tracking.client import connect, find_experiment
from simpgan.components.core.tracking.context import pipeline_of_environment
from simpgan.components.core.tracking.errors import explain
from simpgan.components.core.tracking.outcome import RunOutcome
from simpgan.components.core.tracking.tags import (
    LONGEST_TAG,
    METRICS_PER_BATCH,
    NOTE_TAG,
    PIPELINE_TAG,
    PIPELINE_TASK,
    REASON_TAG,
    SILENT_END,
    STAGE_TAG,
    TASK_TAG,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

logger = logging.getLogger(__name__)

LAST_STAGES = ("summarise", "evaluate")
RESULT_PREFIXES = ("rank-", "mAP/", "cmc/")


def close_pipeline(outcome: RunOutcome) -> list[str]:
    """Close all runs in MLflow that the pipeline run of the environment has left as RUNNING.

    A stage that still counts as RUNNING was killed without a word. The pipeline's own run, if it exists, ends with
    `outcome`; the reasons of its stages go into its tag and its description.

    Returns:
        One reason for each stage that did not finish, else the reason of `outcome`; empty if all finished. If the
        server does not answer, a warning is logged and only the reason of `outcome` is returned.
    """
    own_reason = [outcome.reason] if outcome.reason else []
    pipeline = pipeline_of_environment()
    if not pipeline or not os.environ.get("MLFLOW_TRACKING_URI"):
        return own_reason
    try:
        return close_runs(connect(), pipeline, outcome) or own_reason
    except Exception as error:
        logger.warning("MLflow was not told how the pipeline ended: %s", explain(error))
        return own_reason


def close_runs(client: "MlflowClient", pipeline: str, outcome: RunOutcome) -> list[str]:
    """Close the runs of a pipeline run. Return the reasons of the stages that did not finish."""
    which = f"tag.`{PIPELINE_TAG}` = '{pipeline}' AND attributes.status != 'FINISHED'"
    unfinished = client.search_runs([find_experiment(client)], which, order_by=["attributes.start_time ASC"])
    stages = [run for run in unfinished if run.data.tags.get(TASK_TAG) != PIPELINE_TASK]
    reasons = [f"{stage.info.run_name}: {close_stage(client, stage)}" for stage in stages]
    for parent in unfinished:
        if parent not in stages and parent.info.status == "RUNNING":
            copy_results(client, parent)
            close_parent(client, parent, outcome, reasons)
    return reasons


def close_stage(client: "MlflowClient", run: "Run") -> str:
    """Close the run of a stage if it is open. Return why it did not finish."""
    if run.info.status == "RUNNING":
        client.set_tag(run.info.run_id, REASON_TAG, SILENT_END)
        client.set_terminated(run.info.run_id, "KILLED")
        return SILENT_END
    return run.data.tags.get(REASON_TAG, run.info.status)


def copy_results(client: "MlflowClient", parent: "Run") -> None:
    """Copy the results and curves of the last stage that has any to the pipeline's run, so that pipelines compare."""
    pipeline = parent.data.tags[PIPELINE_TAG]
    for stage in LAST_STAGES:
        which = f"tag.`{PIPELINE_TAG}` = '{pipeline}' AND tag.`{STAGE_TAG}` = '{stage}'"
        for run in client.search_runs([parent.info.experiment_id], which):
            names = [name for name in run.data.metrics if name.startswith(RESULT_PREFIXES)]
            metrics = [metric for name in names for metric in client.get_metric_history(run.info.run_id, name)]
            for start in range(0, len(metrics), METRICS_PER_BATCH):
                client.log_batch(parent.info.run_id, metrics=metrics[start : start + METRICS_PER_BATCH])
            if metrics:
                return


def close_parent(client: "MlflowClient", run: "Run", outcome: RunOutcome, reasons: list[str]) -> None:
    """Close the run of a pipeline; if it failed, write the reasons into its tag and its description."""
    reason = "; ".join(reasons) or outcome.reason
    if outcome.status != "FINISHED":
        client.set_tag(run.info.run_id, REASON_TAG, reason[:LONGEST_TAG])
        client.set_tag(run.info.run_id, NOTE_TAG, "\n".join(f"- {each}" for each in reasons or [reason])[:LONGEST_TAG])
    client.set_terminated(run.info.run_id, outcome.status)
