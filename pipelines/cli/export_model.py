"""The command that exports a model for programs without this software."""

from enum import StrEnum
from typing import Annotated

import typer

from simpgan.pipelines.cli.locations import a_model
from simpgan.pipelines.cli.options import OutOption


class ModelFormat(StrEnum):
    """The formats of exported models."""

    ONNX = "onnx"
    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"


def export_model(
    model: Annotated[str, typer.Argument(callback=a_model, help="Model, or the folder of a classifier.")],
    out: OutOption,
    format: Annotated[ModelFormat, typer.Option(metavar="FORMAT", help="Format to write.")] = ModelFormat.ONNX,
) -> None:
    """Export a model for programs that have neither this software nor, with onnx, torch.

    The file takes 8-bit RGB images of one size, any number at a time, and returns the features that search compares.
    Before it is kept, its features are compared with torch's for 1, 7 and 100 images. model.json describes it.
    """
    from simpgan.components.core.registry.local_models import folder_of
    from simpgan.components.export_model.export import example
    from simpgan.components.export_model.export import export_model as export_to

    described = export_to(folder_of(model), format.value, out)
    file, check = described["file"], described["check"]
    typer.echo(
        f"{out / file['name']}: {file['bytes'] / 2**20:.1f} MiB; its features differ from torch's by "
        f"{check['largest_difference']:.1g} at most, for batches of {', '.join(map(str, check['batches']))}.\n"
        f"How to call it:\n\n{example(described, out)}"
    )
