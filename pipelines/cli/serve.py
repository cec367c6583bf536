"""The command that answers searches over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.pipelines.cli.locations import a_model, a_place
from simpgan.pipelines.cli.options import RecordedDataRootOption, StageSetOption
from simpgan.pipelines.cli.search import images_of_search


def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL", callback=a_model, help="Model, such as simpgan@champion.")],
    gallery: Annotated[str, typer.Option(metavar="GALLERY", callback=a_place, help="Images to search.")],
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
    from simpgan.components.core.registry.local_models import folder_of
    from simpgan.components.search.serve.server import run
    from simpgan.components.search.settings import ServeSettings

    folder = folder_of(model)
    root, manifests = images_of_search(data_root, gallery, folder)
    settings = ServeSettings.of_arguments(
        assignments or [],
        model=str(folder),
        gallery=gallery,
        data_root=root.place,
        host=host,
        port=port,
        token_file=str(token_file or ""),
    )
    with root.explained(*manifests):
        run(settings)
