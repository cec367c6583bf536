"""The command that uploads recorded runs to a tracking server."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sync")(sync)


def sync(
    folder: Annotated[Path, typer.Argument(help="The --out of a run, or any folder with recorded runs below it.")],
) -> None:
    """Upload runs recorded on this machine to the server in MLFLOW_TRACKING_URI; what is there already stays."""
    from simpgan.components.core.tracking.errors import server_name
    from simpgan.components.core.tracking.sync import sync as upload

    server = server_name()
    synced = upload(folder)
    typer.echo(f"{synced.uploaded} runs uploaded to {server}, {synced.there} were there already")
    if synced.running:
        typer.echo(f"{synced.running} have not ended yet: sync again when they have")
