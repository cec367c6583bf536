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
    IMAGEFOLDER = "imagefolder"


def export(
    data: Annotated[Path, typer.Argument(help="Manifest, or a run with the method source-to-target.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write: empty or new.")],
    data_root: RecordedDataRootOption = None,
    layout: Annotated[
        ExportLayout, typer.Option(metavar="LAYOUT", help="Layout: market1501 or imagefolder.")
    ] = ExportLayout.MARKET1501,
    protocol: Annotated[str, typer.Option(metavar="NAME", help="Protocol to write; by default the first.")] = "",
    fold: Annotated[int, typer.Option(metavar="N", min=0, help="Fold of the protocol.")] = 0,
) -> None:
    """Export a data set, as recorded or translated, as a folder for other Re-ID systems.

    Of a run with the method source-to-target, its source is exported as translated into the target's style: labelled
    images to train another system on.

    torchreid and fastreid load market1501. With --out DATA/market1501/Market-1501-v15.09.15, the root is DATA for
    torchreid and DATA/market1501 for fastreid. Hugging Face datasets loads imagefolder: a metadata.csv beside the
    images has their people, cameras, times and roles.
    """
    from simpgan.components.core.data.manifest import Manifest
    from simpgan.pipelines.export.imagefolder import export_imagefolder
    from simpgan.pipelines.export.market1501 import export_market1501
    from simpgan.pipelines.runner.relocation import find_data_root

    manifest = manifest_of(data)
    dataset = Manifest.load(manifest)
    protocols = dataset.protocols()["protocol"].unique()
    if len(protocols) == 0:
        raise UserError(f"{dataset.dataset} has no protocol, so there is nothing to export: ingest it again")
    chosen = protocol or protocols[0]
    root = find_data_root(data_root and place_of_data(data_root), manifest)
    write = {ExportLayout.MARKET1501: export_market1501, ExportLayout.IMAGEFOLDER: export_imagefolder}[layout]
    with root.explained(manifest):
        sentences = write(dataset, chosen, fold, root.place, out)
    typer.echo("\n".join([f"{out}: {dataset.dataset}, protocol {chosen}, fold {fold}", *sentences]))


def manifest_of(data: Path) -> Path:
    """Return the manifest in `data`; if it is a run, the manifest of its source in the target's style.

    Raises:
        UserError: the run has no such source, or several.
    """
    from simpgan.pipelines.runner.relocation import DATA_ROOT

    if not (data / DATA_ROOT).is_file():
        return data
    from simpgan.pipelines.runner.task_records import sources_in_target_style

    found = sources_in_target_style(data)
    if len(found) == 1:
        return next(iter(found))
    if not found:
        raise UserError(
            f"{data} has no source in the target's style: run it again with source-to-target among its --method, or "
            "give a manifest"
        )
    listed = "; ".join(f"{folder} ({name})" for folder, name in found.items())
    raise UserError(f"{data} has {len(found)} sources in the target's style: give one of these manifests: {listed}")
