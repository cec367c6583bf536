"""The command that searches a gallery for a person."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.pipelines.cli.locations import a_model
from simpgan.pipelines.cli.options import OutOption, RecordedDataRootOption
from simpgan.pipelines.cli.run import place_of_data


def search(
    probe: Annotated[Path, typer.Option(metavar="PATH", help="Image of a person, or a folder of images.")],
    gallery: Annotated[Path, typer.Option(metavar="MANIFEST", help="Manifest of the images to search.")],
    model: Annotated[
        str,
        typer.Option(metavar="MODEL", callback=a_model, help="Model, such as simpgan@champion."),
    ],
    out: OutOption,
    data_root: RecordedDataRootOption = None,
    camera: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Camera of the probes, for AdaBN per camera."),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Images to return for each probe.")] = 20,
    false_accepts: Annotated[
        float, typer.Option(metavar="RATE", min=0, max=1, help="False accept rate of the threshold.")
    ] = 0.001,
) -> None:
    """Find the gallery images that are most similar to a person.

    The features of the gallery are cached for the next search.
    """
    from simpgan.components.core import storage
    from simpgan.components.core.registry.local_models import folder_of
    from simpgan.components.search.page import write_page
    from simpgan.components.search.searcher import Searcher, probe_files
    from simpgan.pipelines.runner.relocation import find_data_root

    probes = probe_files(probe)
    root = find_data_root(data_root and place_of_data(data_root), gallery)
    folder = folder_of(model)
    searcher = Searcher.open(folder, gallery, root.place, false_accepts)
    with root.explained(gallery, folder / "source"):
        found = searcher.search(probes, top, camera)
        out.mkdir(parents=True, exist_ok=True)
        storage.write_bytes(str(out / "search.parquet"), found.to_parquet(index=False))
        write_page(out / "search.html", searcher, found)
    for name, each in found.groupby("probe", sort=False):
        best, accepted = each.iloc[0], each["accepted"].sum()
        typer.echo(f"{name}: {accepted} of {len(each)} accepted, best {best['image']} ({best['similarity']:.3f})")
    typer.echo(f"\nThreshold: {searcher.threshold}.\nThe page: {out / 'search.html'}")
