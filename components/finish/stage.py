"""Report how a pipeline run ended, in MLflow and at a URL."""

import json
import logging
import os
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

from simpgan.components.core.tracking import close_pipeline
from simpgan.components.core.tracking.outcome import RunOutcome, Status

logger = logging.getLogger(__name__)

NOTIFICATION_URL = "SIMPGAN_NOTIFICATION_URL"
SECONDS_TO_ANSWER = 30.0
STATUS_OF_STATE: Mapping[str, Status] = {"SUCCEEDED": "FINISHED", "FAILED": "FAILED", "CANCELLED": "KILLED"}


def run(pipeline: str, state: str, message: str) -> None:
    """Close the runs that the pipeline run left open, write the reason, and post it if a URL is given.

    A server that does not answer causes a warning only: it does not change how the pipeline ended.

    Args:
        pipeline: name of the pipeline.
        state: `SUCCEEDED`, `FAILED` or `CANCELLED`. Any other state is none of an end: Kubeflow was seen to pass
            `RUNNING` after a pod was killed and after the run was terminated. What the stages recorded tells then.
        message: Kubeflow's message on a failure, which is less precise than the stages' own.
    """
    end = close_pipeline(outcome_of_state(state, message))
    state = state if state in STATUS_OF_STATE else end.status
    for reason in end.reasons:
        logger.warning("%s", reason)
    if url := os.environ.get(NOTIFICATION_URL):
        text = notice(pipeline, state, end.reasons)
        post(url, {"text": text, "pipeline": pipeline, "state": state, "reasons": end.reasons})


def outcome_of_state(state: str, message: str) -> RunOutcome | None:
    """Return the outcome that Kubeflow names; None if the state is none of an end."""
    status = STATUS_OF_STATE.get(state)
    if status is None:
        return None
    return RunOutcome(status, "" if status == "FINISHED" else message or f"the pipeline run was {state.lower()}")


def notice(pipeline: str, state: str, reasons: list[str]) -> str:
    """Return a sentence on the run's end, for the field that chat services show."""
    return ": ".join([f"{pipeline} {state.lower()}", *(["; ".join(reasons)] if reasons else [])])


def post(url: str, content: Mapping[str, object]) -> None:
    """Send JSON to a URL; the URL is as secret as a password, so no message contains it."""
    try:
        request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER):
            pass
    except (OSError, HTTPException, ValueError) as error:
        logger.warning("the notification was not delivered: %s", type(error).__name__)
