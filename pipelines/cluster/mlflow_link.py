"""Where MLflow shows what a run records."""

import os
from urllib.parse import quote, urlsplit, urlunsplit

import requests

SECONDS = 5
EXPERIMENT = "simpgan"
RUNS_OF = "tags.`simpgan.pipeline_run` = '{}'"
"""The tag by which tracking knows which runs belong together; on a cluster its value is the id of the run there."""


def mlflow_link(uri: str, run_id: str) -> str:
    """The page with the runs of a pipeline's run; MLflow's first page where the server does not name the experiment.

    Args:
        uri: address of the MLflow server; a user and password in it are used, and left out of the link.
    """
    parts = urlsplit(uri)
    page = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
    experiment = experiment_id(uri.rstrip("/"))
    if not experiment:
        return page
    return f"{page}/#/experiments/{experiment}?searchFilter={quote(RUNS_OF.format(run_id), safe='')}"


def experiment_id(uri: str) -> str | None:
    """The id of the experiment that runs are recorded in, if there is one yet."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    try:
        answer = requests.get(
            f"{uri}/api/2.0/mlflow/experiments/get-by-name",
            params={"experiment_name": name},
            auth=(user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
            timeout=SECONDS,
        )
        answer.raise_for_status()
        return str(answer.json()["experiment"]["experiment_id"])
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None
