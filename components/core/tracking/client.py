"""The connection to MLflow, and the calls that several modules make on it."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simpgan.components.core.environment import variables_in
from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking.errors import NOT_MLFLOW, server_name
from simpgan.components.core.tracking.relocation import ARTIFACTS, relocate_store
from simpgan.components.core.tracking.run_owner import has_ended
from simpgan.components.core.tracking.store_address import sqlite_file, store_address
from simpgan.components.core.tracking.tags import (
    DEFAULT_EXPERIMENT,
    EXPERIMENT_TAGS,
    LONGEST_PARAMETER,
    PARAMETERS_PER_BATCH,
    PIPELINE_TAG,
    PROCESS_TAG,
    REASON_TAG,
    RUNS_PER_PAGE,
    SILENT_END,
    STAGE_TAG,
    STORE_FILE,
)

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run
    from mlflow.tracking import MlflowClient


def connect(folder: Path | None = None) -> "MlflowClient":
    """Connect to `MLFLOW_TRACKING_URI`, or to a store in `folder`.

    The client prints nothing and fails at once; `UploadQueue` does the waiting.

    Raises:
        RuntimeError: mlflow cannot be imported.
        UserError: an environment variable has a value that mlflow refuses.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # Without these the client bypasses MLflow for the S3 server behind it, which it may not reach.
    os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")
    os.environ.setdefault("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise RuntimeError(
            f"MLFLOW_TRACKING_URI is set but mlflow cannot be imported ({error}): pip install 'simpgan[tracking]'"
        ) from error
    except ValueError as error:  # from a variable that is read when the package is loaded
        named = " or ".join(variables_in(str(error), "MLFLOW_")) or "the variables MLFLOW_*"
        raise UserError(f"MLflow does not start: {error}: correct {named}") from None
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # prints a traceback, and raises too
    uri = store_address(folder / STORE_FILE) if folder else os.environ["MLFLOW_TRACKING_URI"]
    if store := sqlite_file(uri):
        store.parent.mkdir(parents=True, exist_ok=True)
        relocate_store(store)
    if not uri.startswith("http"):
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = 1  # else a database that cannot be opened is tried for 100 seconds
    return MlflowClient(uri)


def find_experiment(client: "MlflowClient") -> str:
    """Return the id of the experiment that the environment names; create the experiment if it is missing.

    Raises:
        UserError: the experiment is deleted, MLFLOW_EXPERIMENT_ID names no experiment, or the server is not MLflow.
    """
    from mlflow.exceptions import MlflowException

    given = os.environ.get("MLFLOW_EXPERIMENT_ID")
    if given and client.tracking_uri == os.environ.get("MLFLOW_TRACKING_URI"):
        try:
            return usable_id(client.get_experiment(given))
        except MlflowException as error:
            if error.get_http_status_code() not in (400, 404):
                raise
            said = f"MLFLOW_EXPERIMENT_ID={given}: MLflow has no such experiment: correct the number, or unset it"
            raise UserError(said) from None
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT
    if found := client.get_experiment_by_name(name):
        return usable_id(found)
    store = sqlite_file(client.tracking_uri)
    artifacts = (store.parent / ARTIFACTS).as_uri() if store else None  # MLflow's default is the working folder
    try:
        return client.create_experiment(name, artifact_location=artifacts, tags=EXPERIMENT_TAGS)
    except MlflowException:  # another process was faster
        if found := client.get_experiment_by_name(name):
            return usable_id(found)
        raise


def usable_id(experiment: "Experiment") -> str:
    """Return the id of an experiment that runs can be added to.

    Raises:
        UserError: the experiment is deleted, or has no id because the server is not MLflow.
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


def search_all_runs(client: "MlflowClient", experiment: str, which: str) -> "list[Run]":
    """Return all runs of an experiment that match the filter `which`, oldest first."""
    found: list[Run] = []
    token = None
    while token is None or token:
        page = client.search_runs(
            [experiment], which, max_results=RUNS_PER_PAGE, order_by=["attributes.start_time ASC"], page_token=token
        )
        found += page
        token = page.token or ""
    return found


def search_stage_runs(client: "MlflowClient", pipeline: str) -> "list[Run]":
    """Return the runs of the stages of a pipeline run, oldest first."""
    which = f"tag.`{PIPELINE_TAG}` = '{without_quotes(pipeline)}'"
    return [run for run in search_all_runs(client, find_experiment(client), which) if STAGE_TAG in run.data.tags]


def close_dead_runs(client: "MlflowClient", which: str) -> None:
    """Close the runs that match the filter `which` and still count as RUNNING although their process has ended."""
    running = f"attributes.status = 'RUNNING' AND {which}"
    for run in client.search_runs([find_experiment(client)], running):
        if has_ended(run.data.tags.get(PROCESS_TAG, "")):
            client.set_tag(run.info.run_id, REASON_TAG, SILENT_END)
            client.set_terminated(run.info.run_id, "KILLED")


def log_parameters(
    client: "MlflowClient", run_id: str, parameters: Mapping[str, str], existing: Mapping[str, str]
) -> None:
    """Log the parameters whose names are not in `existing`.

    MLflow refuses the whole batch if a parameter exists with another value.
    """
    from mlflow.entities import Param

    new = [Param(name, value[:LONGEST_PARAMETER]) for name, value in parameters.items() if name not in existing]
    for start in range(0, len(new), PARAMETERS_PER_BATCH):
        client.log_batch(run_id, params=new[start : start + PARAMETERS_PER_BATCH])


def flatten_parameters(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Flatten nested values to `prefix.outer.inner`, each a string, as MLflow's parameters are."""
    parameters: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            parameters.update(flatten_parameters(f"{prefix}.{name}", value))
        else:
            parameters[f"{prefix}.{name}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return parameters


def without_quotes(value: str) -> str:
    """Remove quotes from a value for a filter; MLflow's filters cannot escape them."""
    return value.replace("'", "").replace("`", "")
