"""Where MLflow shows what a run on a cluster records."""

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from simpgan.components.core.tracking.open_run import PIPELINE_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run


def mlflow_link(uri: str, run: "Run | None") -> str:
    """Return the page with all runs of a pipeline; without its run, MLflow's first page.

    Args:
        uri: Address of the MLflow server; a user and password in it are left out of the link.
        run: The pipeline's run, as `open_pipeline` returns it.
    """
    parts = urlsplit(uri)
    page = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
    if not run:
        return page
    of_pipeline = f"tags.`{PIPELINE_TAG}` = '{run.data.tags[PIPELINE_TAG]}'"
    return f"{page}/#/experiments/{run.info.experiment_id}?searchFilter={quote(of_pipeline, safe='')}"
