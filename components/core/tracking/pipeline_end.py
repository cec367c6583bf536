"""Close a pipeline run whose stages are pods: no process represents the whole pipeline."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simpgan.components.core.tracking.client import connect, find_experiment
from simpgan.components.core.tracking.context import pipeline_of_environment
from simpgan.components.core.tracking.errors import explain
from simpgan.components.core.tracking.outcome import SIGTERM, RunOutcome, Status
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
TOLD_TO_END = "told to end by SIGTERM: the run was terminated, or its pod was deleted"
UNRECORDED_END = "no stage recorded why: the run was terminated, or a pod did not start: see the run's page in Kubeflow"


@dataclass(frozen=True)
class PipelineEnd:
    """How a pipeline run ended.

    Attributes:
        status: MLflow's status of the pipeline's own run.
        reasons: one for each stage that did not finish, else that of the pipeline run; empty if all finished.
    """

    status: Status
    reasons: list[str]


def close_pipeline(outcome: RunOutcome | None, pipeline: str | None = None) -> PipelineEnd:
    """Close all runs in MLflow that a pipeline run has left as RUNNING.

    The pipeline's own run, if it exists, gets the status of the end; the reasons go into its tag and its description.
    If the server does not answer, a warning is logged and only `outcome` tells the end.

    Args:
        outcome: how the pipeline run ended; None: its stages tell. It failed if one of them did, else it was killed.
        pipeline: id of the pipeline run; None: the one of the environment.
    """
    pipeline = pipeline or pipeline_of_environment()
    if pipeline and os.environ.get("MLFLOW_TRACKING_URI"):
        try:
            return close_runs(connect(), pipeline, outcome)
        except Exception as error:
            logger.warning("MLflow was not told how the pipeline ended: %s", explain(error))
    return end_of_pipeline(outcome, [], [])


def close_runs(client: "MlflowClient", pipeline: str, outcome: RunOutcome | None) -> PipelineEnd:
    """Close the runs of a pipeline run."""
    which = f"tag.`{PIPELINE_TAG}` = '{pipeline}' AND attributes.status != 'FINISHED'"
    unfinished = client.search_runs([find_experiment(client)], which, order_by=["attributes.start_time ASC"])
    stages = [run for run in unfinished if run.data.tags.get(TASK_TAG) != PIPELINE_TASK]
    silent = outcome.reason if outcome and outcome.status == "KILLED" else SILENT_END
    reasons = [f"{stage.info.run_name}: {close_stage(client, stage, silent)}" for stage in stages]
    end = end_of_pipeline(outcome, stages, reasons)
    for parent in unfinished:
        if parent not in stages and parent.info.status == "RUNNING":
            copy_results(client, parent)
            close_parent(client, parent, end)
    return end


def end_of_pipeline(outcome: RunOutcome | None, stages: "Sequence[Run]", reasons: list[str]) -> PipelineEnd:
    """Return how a pipeline run ended, by `outcome`, else by its stages that did not finish and their reasons."""
    if outcome:
        return PipelineEnd(outcome.status, reasons or ([outcome.reason] if outcome.reason else []))
    failed = any(stage.info.status == "FAILED" for stage in stages)
    return PipelineEnd("FAILED" if failed else "KILLED", reasons or [UNRECORDED_END])


def close_stage(client: "MlflowClient", run: "Run", silent: str) -> str:
    """Close the run of a stage if it is open, with the reason `silent`. Return why it did not finish."""
    if run.info.status == "RUNNING":
        client.set_tag(run.info.run_id, REASON_TAG, silent[:LONGEST_TAG])
        client.set_terminated(run.info.run_id, "KILLED")
        return silent
    reason = run.data.tags.get(REASON_TAG, run.info.status)
    return TOLD_TO_END if reason == SIGTERM else reason


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


def close_parent(client: "MlflowClient", run: "Run", end: PipelineEnd) -> None:
    """Close the run of a pipeline; if it did not finish, write the reasons into its tag and its description."""
    if end.status != "FINISHED":
        client.set_tag(run.info.run_id, REASON_TAG, "; ".join(end.reasons)[:LONGEST_TAG])
        client.set_tag(run.info.run_id, NOTE_TAG, "\n".join(f"- {each}" for each in end.reasons)[:LONGEST_TAG])
    client.set_terminated(run.info.run_id, end.status)
