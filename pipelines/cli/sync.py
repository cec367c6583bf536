"""The command that uploads recorded runs to an MLflow server."""

from pathlib import Path
from typing import Annotated

import typer


def sync(
    folder: Annotated[Path, typer.Argument(help="The --out of a run, or a folder above several.")],
) -> None:
    """Upload recorded runs to the MLflow server in MLFLOW_TRACKING_URI.

    Runs that the server has already are left unchanged.
    """
    from simpgan.components.core.tracking.errors import server_name
    from simpgan.components.core.tracking.sync import sync as upload

    server = server_name()
    synced = upload(folder)
    typer.echo(f"{synced.uploaded} runs uploaded to {server}, {synced.there} were there already")
    if synced.running:
        typer.echo(f"{synced.running} are still running: sync again after they end")
