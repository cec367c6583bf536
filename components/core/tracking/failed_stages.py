"""What the stages of a pipeline run have recorded in MLflow so far: which of them have begun, and why some failed."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simpgan.components.core.tracking.client import connect, search_stage_runs
from simpgan.components.core.tracking.outcome import SIGTERM
from simpgan.components.core.tracking.pipeline_end import TOLD_TO_END
from simpgan.components.core.tracking.tags import REASON_TAG, SILENT_END, STAGE_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True)
class FailedStage:
    """A stage that did not finish.

    Attributes:
        name: name of its run, such as "train_gan simpgan folds10:0".
        reason: the cause in one line.
    """

    name: str
    reason: str

    @property
    def is_silent(self) -> bool:
        """Tell whether the stage could not record the cause itself."""
        return self.reason == SILENT_END


def find_failed_stages(pipeline: str) -> list[FailedStage]:
    """Return the stages of a pipeline run that recorded a reason.

    Args:
        pipeline: id of the pipeline run.

    Returns:
        The stages that failed, then those that were killed, each oldest first; none if no MLflow server is named or it
        does not answer.
    """
    unfinished = [run for run in stage_runs(pipeline) if run.info.status in ("FAILED", "KILLED")]
    unfinished.sort(key=lambda run: run.info.status)
    reasons = [(run.info.run_name, " ".join(run.data.tags.get(REASON_TAG, "").split())) for run in unfinished]
    return [FailedStage(name, TOLD_TO_END if reason == SIGTERM else reason) for name, reason in reasons if reason]


def find_begun_stages(pipeline: str) -> set[str]:
    """Return the names of the stages that have a run; none if no MLflow server is named or it does not answer."""
    return {run.data.tags[STAGE_TAG] for run in stage_runs(pipeline)}


def stage_runs(pipeline: str) -> "list[Run]":
    """Return the runs of a pipeline run's stages, oldest first; none if MLflow is not named or does not answer."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return []
    try:
        return search_stage_runs(connect(), pipeline)
    except Exception:  # who follows a run does not need MLflow
        return []
