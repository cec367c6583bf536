"""The commands for the stages' images: lock, check."""

import os
from pathlib import Path
from typing import Annotated

import typer

from components.core.runtime.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    images = typer.Typer(help="The container images of the stages.", no_args_is_help=True)
    images.command("lock")(lock)
    images.command("check")(check)
    app.add_typer(images, name="images")


def lock(
    registry: Annotated[str, typer.Option(help="Where the images were pushed to: ghcr.io/somebody/simpgan.")],
    tag: Annotated[str, typer.Option(help="Tag they were pushed with.")] = "latest",
    out: Annotated[Path | None, typer.Option(help="File to write; without, images/digests.json.")] = None,
) -> None:
    """Write down the digests of pushed images, by which compiled pipelines refer to them from then on."""
    from components.core.images import LOCK
    from pipelines import registry as registries
    from pipelines.profiles import STAGES

    locked = registries.lock(STAGES, registry.rstrip("/"), tag)
    path = out or LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    partial.write_text(locked.model_dump_json(indent=2) + "\n")
    os.replace(partial, path)
    typer.echo(f"{len(locked.digests)} digests in {path}")


def check() -> None:
    """Ask the registry whether it still has every image that is locked."""
    from components.core.images import LOCK, Images
    from pipelines import registry as registries
    from pipelines.profiles import STAGES

    images = Images.locked()
    if not images.digests:
        raise UserError(f"no image is locked in {LOCK}: push the images, then simpgan images lock")
    if gone := registries.gone(images, STAGES):
        raise UserError(f"{images.registry} no longer has the locked images of {', '.join(gone)}: push and lock again")
    typer.echo(f"{images.registry} has all {len(images.digests)} images")
