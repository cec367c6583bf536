"""The command that hands a data set, as recorded or translated, to other Re-ID systems."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.options import RecordedDataRootOption
from simpgan.pipelines.cli.run import place_of_data


class ExportLayout(StrEnum):
    """The layouts that can be written."""

    MARKET1501 = "market1501"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    manifest: Annotated[Path, typer.Argument(help="Manifest that ingest or translate made.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write: empty, or not there yet.")],
    data_root: RecordedDataRootOption = None,
    layout: Annotated[ExportLayout, typer.Option(help="How the folder is laid out.")] = ExportLayout.MARKET1501,
    protocol: Annotated[str, typer.Option(help="Protocol whose roles are written. Without: the first.")] = "",
    fold: Annotated[int, typer.Option(min=0, help="Fold of that protocol.")] = 0,
) -> None:
    """Write a data set back as a folder of images that torchreid and fastreid load as their Market-1501.

    With --out DATA/market1501/Market-1501-v15.09.15, the root for torchreid is DATA, for fastreid DATA/market1501.
    """
    from simpgan.components.core.data.manifest import Manifest
    from simpgan.pipelines.export.market1501 import export_market1501
    from simpgan.pipelines.runner.relocation import find_data_root

    dataset = Manifest.load(manifest)
    protocols = dataset.protocols()["protocol"].unique()
    if len(protocols) == 0:
        raise UserError(f"{dataset.dataset} has no protocol, so there is nothing to write: ingest again")
    chosen = protocol or protocols[0]
    root = find_data_root(data_root and place_of_data(data_root), manifest)
    with root.explained(manifest):
        sentences = export_market1501(dataset, chosen, fold, root.place, out)
    typer.echo("\n".join([f"{out}: {dataset.dataset}, protocol {chosen}, fold {fold}", *sentences]))
