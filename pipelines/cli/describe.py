"""The command that describes a data set."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.pipelines.cli.options import RecordedDataRootOption
from simpgan.pipelines.cli.run import place_of_data


def describe(
    manifest: Annotated[Path, typer.Argument(help="Manifest from ingest, merge or translate.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Folder for describe.html.")] = None,
    data_root: RecordedDataRootOption = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the sample of images.")] = 0,
) -> None:
    """Describe a data set: images, people, cameras, sizes, roles, and rejected files.

    With --out, also write a page with a sample of its images: people as their cameras see them, and every camera's.
    """
    from simpgan.components.core.data.manifest import Manifest
    from simpgan.pipelines.reports.data_set.tables import in_terminal
    from simpgan.pipelines.runner.relocation import find_data_root

    dataset = Manifest.load(manifest)
    typer.echo(in_terminal(dataset, manifest))
    if out:
        from simpgan.pipelines.reports.data_set.page import PAGE, write_page

        root = find_data_root(data_root and place_of_data(data_root), manifest)
        with root.explained(manifest):
            write_page(dataset, manifest, root.place, seed, out)
        typer.echo(f"\nThe page: {out / PAGE}")
