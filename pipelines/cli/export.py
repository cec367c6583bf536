"""The command that exports a data set, as recorded or translated, for other Re-ID systems."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.options import RecordedDataRootOption
from simpgan.pipelines.cli.run import place_of_data


class ExportLayout(StrEnum):
    """The layouts that can be exported."""

    MARKET1501 = "market1501"


def export(
    manifest: Annotated[Path, typer.Argument(help="Manifest from ingest or translate.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write: empty or new.")],
    data_root: RecordedDataRootOption = None,
    layout: Annotated[ExportLayout, typer.Option(metavar="LAYOUT", help="Layout to write.")] = ExportLayout.MARKET1501,
    protocol: Annotated[str, typer.Option(metavar="NAME", help="Protocol to write; by default the first.")] = "",
    fold: Annotated[int, typer.Option(metavar="N", min=0, help="Fold of the protocol.")] = 0,
) -> None:
    """Export a data set as a folder that torchreid and fastreid load as Market-1501.

    With --out DATA/market1501/Market-1501-v15.09.15, the root is DATA for torchreid and DATA/market1501 for fastreid.
    """
    from simpgan.components.core.data.manifest import Manifest
    from simpgan.pipelines.export.market1501 import export_market1501
    from simpgan.pipelines.runner.relocation import find_data_root

    dataset = Manifest.load(manifest)
    protocols = dataset.protocols()["protocol"].unique()
    if len(protocols) == 0:
        raise UserError(f"{dataset.dataset} has no protocol, so there is nothing to export: ingest it again")
    chosen = protocol or protocols[0]
    root = find_data_root(data_root and place_of_data(data_root), manifest)
    with root.explained(manifest):
        sentences = export_market1501(dataset, chosen, fold, root.place, out)
    typer.echo("\n".join([f"{out}: {dataset.dataset}, protocol {chosen}, fold {fold}", *sentences]))
