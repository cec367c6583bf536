"""Refusals of stages before their run in MLflow is open, and of stages that have no run of their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.task import Task, current_task
from simpgan.components.core.tracking.client import connect, search_stage_runs
from simpgan.components.core.tracking.context import KFP_RUN, pipeline_of_environment, stage_run
from simpgan.components.core.tracking.tags import LONGEST_TAG, REASON_TAG, STAGE_TAG


@contextmanager
def refusals_recorded(stage: str) -> Iterator[None]:
    """Record a UserError of this block as a failed run of the stage, unless a run of the stage has recorded it.

    The exit handler copies the reasons of failed runs into the note of the pipeline's run, and `simpgan submit --wait`
    prints them. Only pods record: on this machine, the runner reports the refusal. A retry that is refused again
    continues the same run.
    """
    try:
        yield
    except UserError as refusal:
        if KFP_RUN in os.environ and os.environ.get("MLFLOW_TRACKING_URI") and not is_recorded(stage, str(refusal)):
            task = current_task() or Task(component=stage)
            with suppress(UserError), stage_run(stage, settings=task.parameters, task=task):
                raise refusal
        raise


def is_recorded(stage: str, reason: str) -> bool:
    """Tell whether a run of the stage in this pipeline run has that reason; False if MLflow does not answer."""
    try:
        found = search_stage_runs(connect(), pipeline_of_environment() or "")
    except Exception:  # recording the refusal will report why
        return False
    recorded = {(run.data.tags[STAGE_TAG], run.data.tags.get(REASON_TAG)) for run in found}
    return (stage, reason[:LONGEST_TAG]) in recorded
