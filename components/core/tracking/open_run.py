"""Connecting to MLflow, and finding or creating the run that a process writes to."""

import getpass
import importlib.metadata
import json
import logging
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simpgan.components.core.errors import UserError
from simpgan.components.core.process import provenance
from simpgan.components.core.process.environment import named_in
from simpgan.components.core.tracking.errors import NOT_MLFLOW, server_name
from simpgan.components.core.tracking.relocation import ARTIFACTS, bring_along
from simpgan.components.core.tracking.run_owner import has_ended, host_name, process_mark
from simpgan.components.core.tracking.store_address import sqlite_file, store_address

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run
    from mlflow.tracking import MlflowClient

PIPELINE_TASK = "pipeline"
PIPELINE_TAG = "simpgan.pipeline_run"
TASK_TAG = "simpgan.task"
PROCESS_TAG = "simpgan.process"
REASON_TAG = "simpgan.reason"
CHANGED_TAG = "simpgan.changed"
IMAGE_TAG = "simpgan.image"
RERUN_TAG = "simpgan.rerun_of"
STAGE_TAG = "simpgan.stage"
INPUT_TAG = "simpgan.input."
SILENT_END = "ended without a word: killed, out of memory, or the machine went down"

NOTE_TAG = "mlflow.note.content"
"""What MLflow shows on top of a run's page."""

RUN_TAG = "simpgan.mlflow_run"
"""The run of a server that a run recorded on this machine was to be written to."""

DEFAULT_EXPERIMENT = "simpgan"
STORE = "mlflow.db"
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""So that the UI opens on training runs, not on what it has for language models."""
PARAMETERS_A_BATCH = 100
LONGEST_PARAMETER = 6000
LONGEST_TAG = 5000


@dataclass(frozen=True)
class RunRequest:
    """Which run is wanted, and what it holds from the start.

    Attributes:
        pipeline: identifies the runs that belong together.
        task: tells them apart; `PIPELINE_TASK` is the parent of the others.
        name: what people read.
        run_id: an MLflow run that exists already and is to be written to instead; None to find or create it.
        alone: no other process of the same pipeline is at work yet.
        parent: an MLflow run to nest under; None for that of the pipeline.
        pipeline_name: of the pipeline, whose run is created if there is none; empty where that is another's affair.
        tags, parameters: names with values.
    """

    pipeline: str
    task: str
    name: str
    run_id: str | None
    alone: bool
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    parent: str | None = None
    pipeline_name: str = ""


def connect(folder: Path | None = None) -> "MlflowClient":
    """A client of `MLFLOW_TRACKING_URI`, or of a store in `folder`; silent and quick to fail: the sender waits."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # Else the client goes to the S3 server behind MLflow's by itself, which it may not reach.
    os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")
    os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise RuntimeError(
            f"MLFLOW_TRACKING_URI is set but mlflow cannot be imported ({error}): pip install 'simpgan[tracking]'"
        ) from error
    except ValueError as error:  # of a variable that is read when the package is loaded
        named = " or ".join(named_in(str(error), "MLFLOW_")) or "the variables MLFLOW_*"
        raise UserError(f"MLflow does not start: {error}: correct {named}") from None
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # prints a traceback, and raises too
    uri = store_address(folder / STORE) if folder else os.environ["MLFLOW_TRACKING_URI"]
    if store := sqlite_file(uri):
        store.parent.mkdir(parents=True, exist_ok=True)
        bring_along(store)
    if not uri.startswith("http"):
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = 1  # else a database that cannot be opened is tried for 100 seconds
    return MlflowClient(uri)


def open_run(client: "MlflowClient", request: RunRequest) -> tuple["Run", bool]:
    """Find or create the run of `request`.

    Returns:
        the run, as an earlier attempt left it or new, and whether there was an earlier attempt.
    """
    experiment = find_experiment(client)
    if request.alone:
        close_silent(client, f"tag.`{PROCESS_TAG}` LIKE '{host_name()}:%'")
    found = client.get_run(request.run_id) if request.run_id else _find(client, experiment, request)
    run = found or _create(client, experiment, request)
    log_parameters(client, run.info.run_id, request.parameters, run.data.params)
    if found:
        _reopen(client, found, request)
    return run, found is not None


def close_silent(client: "MlflowClient", which: str) -> None:
    """Close the runs that match the filter `which` and count as RUNNING although their process has ended."""
    running = f"attributes.status = 'RUNNING' AND {which}"
    for run in client.search_runs([find_experiment(client)], running):
        if has_ended(run.data.tags.get(PROCESS_TAG, "")):
            client.set_tag(run.info.run_id, REASON_TAG, SILENT_END)
            client.set_terminated(run.info.run_id, "KILLED")


def find_experiment(client: "MlflowClient") -> str:
    """The id of the experiment that the environment names, created if need be.

    Raises:
        UserError: it is deleted, or MLFLOW_EXPERIMENT_ID is not that of one; or what answers is no MLflow.
    """
    from mlflow.exceptions import MlflowException

    given = os.environ.get("MLFLOW_EXPERIMENT_ID")
    if given and client.tracking_uri == os.environ.get("MLFLOW_TRACKING_URI"):
        try:
            return usable(client.get_experiment(given))
        except MlflowException as error:
            if error.get_http_status_code() not in (400, 404):
                raise
            said = f"MLFLOW_EXPERIMENT_ID={given}: MLflow has no such experiment: correct the number, or unset it"
            raise UserError(said) from None
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT
    if found := client.get_experiment_by_name(name):
        return usable(found)
    store = sqlite_file(client.tracking_uri)
    artifacts = (store.parent / ARTIFACTS).as_uri() if store else None  # MLflow's default is the working folder
    try:
        return client.create_experiment(name, artifact_location=artifacts, tags=EXPERIMENT_TAGS)
    except MlflowException:  # another process was faster
        if found := client.get_experiment_by_name(name):
            return usable(found)
        raise


def usable(experiment: "Experiment") -> str:
    """The id of an experiment that takes runs.

    Raises:
        UserError: it is deleted; or it has no id, as the experiments of all that is no MLflow.
    """
    number = experiment.experiment_id
    if not number:
        raise UserError(f"MLflow at {server_name()}: {NOT_MLFLOW}")
    if experiment.lifecycle_stage == "deleted":
        raise UserError(
            f"the experiment '{experiment.name}' is deleted: restore it by mlflow experiments restore "
            f"--experiment-id {number}, or name another by MLFLOW_EXPERIMENT_NAME"
        )
    return number


def _find(client: "MlflowClient", experiment: str, request: RunRequest) -> "Run | None":
    which = f"tag.`{PIPELINE_TAG}` = '{quotable(request.pipeline)}' AND tag.`{TASK_TAG}` = '{quotable(request.task)}'"
    return next(iter(client.search_runs([experiment], which, max_results=1)), None)


def _create(client: "MlflowClient", experiment: str, request: RunRequest) -> "Run":
    tags = {**_tags(request), NOTE_TAG: description(request.name, request.tags)}
    if parent := request.parent or _parent(client, experiment, request):
        tags["mlflow.parentRunId"] = parent
    return client.create_run(experiment, tags=tags, run_name=request.name)


def _parent(client: "MlflowClient", experiment: str, request: RunRequest) -> str | None:
    from simpgan.components.core.tracking.parent_run import find_or_create_parent, find_parent

    if request.task == PIPELINE_TASK:
        return None
    if request.pipeline_name:
        return find_or_create_parent(client, experiment, request.pipeline, request.pipeline_name).info.run_id
    found = find_parent(client, experiment, request.pipeline)
    return found.info.run_id if found else None


def _reopen(client: "MlflowClient", run: "Run", request: RunRequest) -> None:
    """Make a run that an earlier attempt left behind, in whatever state, a running one again."""
    from mlflow.entities import RunTag

    run_id = run.info.run_id
    tags = _tags(request)
    changed = {
        name: [run.data.params[name], value]
        for name, value in request.parameters.items()
        if run.data.params.get(name, value[:LONGEST_PARAMETER]) != value[:LONGEST_PARAMETER]
    }
    if NOTE_TAG not in run.data.tags:  # of a run that somebody else has created
        tags[NOTE_TAG] = description(request.name, request.tags)
    if changed:
        tags[CHANGED_TAG] = json.dumps(changed)[:LONGEST_TAG]
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
    if REASON_TAG in run.data.tags:
        client.delete_tag(run_id, REASON_TAG)
    client.update_run(run_id, status="RUNNING")


def _tags(request: RunRequest) -> dict[str, str]:
    return {
        **origin(),
        **request.tags,
        PIPELINE_TAG: quotable(request.pipeline),
        TASK_TAG: quotable(request.task),
        PROCESS_TAG: process_mark(),
    }


def log_parameters(
    client: "MlflowClient", run_id: str, parameters: Mapping[str, str], existing: Mapping[str, str]
) -> None:
    """Log what is new. A parameter that exists with another value would have its whole batch refused."""
    from mlflow.entities import Param

    new = [Param(name, value[:LONGEST_PARAMETER]) for name, value in parameters.items() if name not in existing]
    for start in range(0, len(new), PARAMETERS_A_BATCH):
        client.log_batch(run_id, params=new[start : start + PARAMETERS_A_BATCH])


def description(name: str, tags: Mapping[str, str]) -> str:
    """A sentence for MLflow's page of a run; `tags` as in `RunRequest`."""
    if stage := tags.get(STAGE_TAG):
        return f"Stage {stage} of a SimPGAN pipeline: {name}."
    if "source" in tags and "target" in tags:
        preset = f", preset {tags['preset']}" if tags.get("preset") else ""
        return f"Trained on {tags['source']}, evaluated on {tags['target']}: {tags.get('method', 'direct')}{preset}."
    return f"{name}."


def origin() -> dict[str, str]:
    """What the run was made with and by whom: versions, the image, the commit, the program and the user."""
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
        tags["mlflow.source.git.commit"] = commit
    return tags


def user_name() -> str:
    """Who runs this process: the user of MLflow's server, else that of the machine; empty if it has no name."""
    try:
        return os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    except (OSError, KeyError):  # the number of a container's user need not have a name
        return ""


def flat(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Nested values as `prefix.outer.inner`, each a string: MLflow's parameters are flat."""
    parameters: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            parameters.update(flat(f"{prefix}.{name}", value))
        else:
            parameters[f"{prefix}.{name}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return parameters


def quotable(value: str) -> str:
    """MLflow's filters know no escape for a quote."""
    return value.replace("'", "").replace("`", "")
