"""The commands for the stages' images: build, push, lock, check."""

import os
from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import Commands, a_registry

RegistryOption = Annotated[
    str, typer.Option(callback=a_registry, help="Where the images are pushed to: ghcr.io/somebody/simpgan.")
]
TagOption = Annotated[str, typer.Option(help="Tag they are pushed with.")]
StagesArgument = Annotated[list[str] | None, typer.Argument(help="Stages, such as train_gan; without, all.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    images = Commands(help="The container images of the stages.", no_args_is_help=True)
    images.command("build")(build)
    images.command("push")(push)
    images.command("lock")(lock)
    images.command("check")(check)
    app.add_typer(images, name="images")


def build(
    stages: StagesArgument = None,
    base_image: Annotated[str, typer.Option(help="Image with torch; without, that of images/Dockerfile.")] = "",
    slim_image: Annotated[str, typer.Option(help="Image with Python for stages that run no network.")] = "",
    bills: Annotated[Path, typer.Option(help="Folder for the bills of materials.")] = Path("build/sbom"),
) -> None:
    """Build the images on this machine's Docker engine, and write down what is in them."""
    from simpgan.pipelines.images.bill import write_bill
    from simpgan.pipelines.images.build import Bases, build_all
    from simpgan.pipelines.images.docker_command import size

    bases = Bases.given(base_image, slim_image)
    for name in bases.without_digest():
        typer.echo(f"{name} is not pinned by a digest: another day it may be another image", err=True)
    for image in build_all(chosen(stages), bases):
        bill = write_bill(image, bills)
        typer.echo(f"{image:28} {size(image) / 1e6:7.0f} MB  {bill}")


def push(
    registry: RegistryOption,
    stages: StagesArgument = None,
    tag: TagOption = "latest",
) -> None:
    """Push images that were built to a registry, with the login of docker."""
    from simpgan.pipelines.images.push import push as push_image

    for stage in chosen(stages):
        typer.echo(push_image(stage, registry.rstrip("/"), tag))


def chosen(stages: list[str] | None) -> list[str]:
    """The stages named, all without a name.

    Raises:
        UserError: there is no such stage.
    """
    from simpgan.components.core.settings import nearest
    from simpgan.pipelines.config.profiles import STAGES

    named = [stage.replace("-", "_") for stage in stages or STAGES]
    for stage in named:
        if stage not in STAGES:
            raise UserError(f"there is no stage {stage}: {nearest(stage, STAGES)}")
    return named


def lock(
    registry: RegistryOption,
    tag: TagOption = "latest",
    out: Annotated[Path | None, typer.Option(help="File to write; without, images/digests.json.")] = None,
) -> None:
    """Write down the digests of pushed images, by which compiled pipelines refer to them from then on."""
    from simpgan.components.core.images import LOCK
    from simpgan.pipelines.cluster import image_registry as registries
    from simpgan.pipelines.config.profiles import STAGES

    locked = registries.lock(STAGES, registry.rstrip("/"), tag)
    path = out or LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    partial.write_text(locked.model_dump_json(indent=2) + "\n")
    os.replace(partial, path)
    typer.echo(f"{len(locked.digests)} digests in {path}")


def check() -> None:
    """Ask the registry whether it still has every image that is locked."""
    from simpgan.components.core.images import LOCK, Images
    from simpgan.pipelines.cluster import image_registry as registries
    from simpgan.pipelines.config.profiles import STAGES

    images = Images.locked()
    if not images.digests:
        raise UserError(f"no image is locked in {LOCK}: push the images, then simpgan images lock")
    if gone := registries.gone(images, STAGES):
        raise UserError(f"{images.registry} no longer has the locked images of {', '.join(gone)}: push and lock again")
    typer.echo(f"{images.registry} has all {len(images.digests)} images")
