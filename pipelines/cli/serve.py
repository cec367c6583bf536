"""The command that answers searches over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.pipelines.cli.locations import a_model
from simpgan.pipelines.cli.options import RecordedDataRootOption, StageSetOption
from simpgan.pipelines.cli.run import place_of_data


def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL", callback=a_model, help="Model, such as simpgan@champion.")],
    gallery: Annotated[Path, typer.Option(metavar="MANIFEST", help="Manifest of the images to search.")],
    data_root: RecordedDataRootOption = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="Port to listen on.")] = 8000,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the token; by default SIMPGAN_TOKEN.")
    ] = None,
    assignments: StageSetOption = None,
) -> None:
    """Answer searches over HTTP until Ctrl-C, with a page to try it in a browser.

    A changed gallery is loaded while the service goes on.
    """
    from simpgan.components.search.serve.server import run
    from simpgan.components.search.settings import ServeSettings
    from simpgan.pipelines.runner.relocation import find_data_root

    root = find_data_root(data_root and place_of_data(data_root), gallery)
    settings = ServeSettings.of_arguments(
        assignments or [],
        model=model,
        gallery=str(gallery),
        data_root=root.place,
        host=host,
        port=port,
        token_file=str(token_file or ""),
    )
    with root.explained(gallery):
        run(settings)
