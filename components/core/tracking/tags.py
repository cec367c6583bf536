"""Names in MLflow that this package reads and writes, MLflow's limits, and the tags that every run starts with."""

import getpass
import importlib.metadata
import os
import platform
from collections.abc import Mapping
from datetime import datetime

from simpgan.components.core.process import provenance

PIPELINE_TASK = "pipeline"
"""The value of `TASK_TAG` of a pipeline's own run, and the prefix of its parameters."""

PIPELINE_TAG = "simpgan.pipeline_run"
TASK_TAG = "simpgan.task"
PROCESS_TAG = "simpgan.process"
REASON_TAG = "simpgan.reason"
CHANGED_TAG = "simpgan.changed"
IMAGE_TAG = "simpgan.image"
RERUN_TAG = "simpgan.rerun_of"
STAGE_TAG = "simpgan.stage"
INPUT_TAG = "simpgan.input."
NOTE_TAG = "mlflow.note.content"
"""The text at the top of a run's page."""

PARENT_TAG = "mlflow.parentRunId"
COMMIT_TAG = "mlflow.source.git.commit"

SERVER_RUN_TAG = "simpgan.mlflow_run"
"""The run on the server that a run recorded on this machine was meant for."""

SILENT_END = "ended without a word: killed, out of memory, or the machine went down"

FAILURE = "failure.txt"
"""Artifact with the traceback of a failed stage; a UserError leaves none."""

STORE_FILE = "mlflow.db"
DEFAULT_EXPERIMENT = "simpgan"
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""With this kind the UI opens on training runs, not on its pages for language models."""

METRICS_PER_BATCH = 1000
PARAMETERS_PER_BATCH = 100
RUNS_PER_PAGE = 1000
LONGEST_PARAMETER = 6000
LONGEST_TAG = 5000


def run_description(name: str, tags: Mapping[str, str]) -> str:
    """Describe a run in one sentence for its page.

    Args:
        name: name of the run.
        tags: tags of the run, as in `RunRequest`.
    """
    if stage := tags.get(STAGE_TAG):
        return f"Stage {stage} of a SimPGAN pipeline: {name}."
    if "source" in tags and "target" in tags:
        preset = f", preset {tags['preset']}" if tags.get("preset") else ""
        return f"Trained on {tags['source']}, evaluated on {tags['target']}: {tags.get('method', 'direct')}{preset}."
    return f"{name}."


def with_time(name: str) -> str:
    """Append the current local time to the name of a pipeline's run; its repetitions have the same name."""
    return f"{name}, {datetime.now():%Y-%m-%d %H:%M:%S}"


def origin_tags() -> dict[str, str]:
    """Return the tags for the versions, image, commit, program and user that produced a run."""
    tags = {"version.python": platform.python_version(), "mlflow.source.name": "simpgan"}
    tags["mlflow.source.type"] = "JOB" if "KUBERNETES_SERVICE_HOST" in os.environ else "LOCAL"
    if user := user_name():
        tags["mlflow.user"] = user
    for package in ("simpgan", "torch", "numpy"):
        try:
            tags[f"version.{package}"] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if image := provenance.image():
        tags[IMAGE_TAG] = image
    if (commit := provenance.commit()) != "unknown":
        tags[COMMIT_TAG] = commit
    return tags


def user_name() -> str:
    """Return the user of MLflow's server, else the user of this machine; empty if the user has no name."""
    try:
        return os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    except (OSError, KeyError):  # the number of a container's user need not have a name
        return ""
