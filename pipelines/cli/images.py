"""The commands for the container images: build, push, lock, check."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import a_registry

RegistryOption = Annotated[
    str, typer.Option(metavar="ADDRESS", callback=a_registry, help="Registry, such as ghcr.io/you/simpgan.")
]
TagOption = Annotated[str, typer.Option(metavar="TAG", help="Tag of the images.")]
StagesArgument = Annotated[list[str] | None, typer.Argument(help="Stages, such as train_gan; by default all.")]


def build(
    stages: StagesArgument = None,
    base_image: Annotated[
        str, typer.Option(metavar="IMAGE", help="Image with torch; by default that of the Dockerfile.")
    ] = "",
    slim_image: Annotated[
        str, typer.Option(metavar="IMAGE", help="Image with Python; by default that of the Dockerfile.")
    ] = "",
    bills: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the bills of materials.")] = Path(
        "build/sbom"
    ),
) -> None:
    """Build the images with Docker, and write their bills of materials."""
    from simpgan.pipelines.images.bill import write_bill
    from simpgan.pipelines.images.build import Bases, build_all
    from simpgan.pipelines.images.docker_command import size

    bases = Bases.given(base_image, slim_image)
    for name in bases.without_digest():
        typer.echo(f"{name} is not pinned by a digest, so it may change", err=True)
    for image in build_all(chosen(stages), bases):
        bill = write_bill(image, bills)
        typer.echo(f"{image:28} {size(image) / 1e6:7.0f} MB  {bill}")


def push(
    registry: RegistryOption,
    stages: StagesArgument = None,
    tag: TagOption = "latest",
) -> None:
    """Push the built images to a registry, with the login of docker."""
    from simpgan.pipelines.images.push import push as push_image

    for stage in chosen(stages):
        typer.echo(push_image(stage, registry.rstrip("/"), tag))


def chosen(stages: list[str] | None) -> list[str]:
    """Return the stages named, or all if none is named.

    Raises:
        UserError: There is no such stage.
    """
    from simpgan.components.core.settings import nearest
    from simpgan.pipelines.images.build import IMAGES

    named = [stage.replace("-", "_") for stage in stages or IMAGES]
    for stage in named:
        if stage not in IMAGES:
            raise UserError(f"there is no stage {stage}: {nearest(stage, IMAGES)}")
    return named


def lock(
    registry: RegistryOption,
    tag: TagOption = "latest",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write; by default images/digests.json.")
    ] = None,
) -> None:
    """Lock the digests of pushed images, which compiled pipelines then refer to."""
    from simpgan.components.core import storage
    from simpgan.components.core.images import LOCK
    from simpgan.pipelines.cluster import image_registry as registries
    from simpgan.pipelines.images.build import IMAGES

    locked = registries.lock(IMAGES, registry.rstrip("/"), tag)
    path = out or LOCK
    storage.write_bytes(str(path), f"{locked.model_dump_json(indent=2)}\n".encode())
    typer.echo(f"{len(locked.digests)} digests in {path}")


def check() -> None:
    """Check that the registry still has every locked image."""
    from simpgan.components.core.images import LOCK, StageImages
    from simpgan.pipelines.cluster import image_registry as registries
    from simpgan.pipelines.images.build import IMAGES

    images = StageImages.locked()
    if not images.digests:
        raise UserError(f"no image is locked in {LOCK}: push the images, then simpgan images lock")
    if gone := registries.gone(images, IMAGES):
        raise UserError(f"{images.registry} no longer has the locked images of {', '.join(gone)}: push and lock again")
    typer.echo(f"{images.registry} has all {len(images.digests)} images")
