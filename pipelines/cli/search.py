"""The commands that store a gallery and search one for a person."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simpgan.components.core import storage
from simpgan.pipelines.cli.locations import a_model, a_place
from simpgan.pipelines.cli.options import OutOption, RecordedDataRootOption
from simpgan.pipelines.cli.run import place_of_data

if TYPE_CHECKING:
    from simpgan.pipelines.runner.relocation import DataRoot

SearchModelOption = Annotated[
    str,
    typer.Option("--model", metavar="MODEL", callback=a_model, help="Model, such as simpgan@champion."),
]


def gallery(
    manifest: Annotated[Path, typer.Argument(help="Manifest of the images to search.")],
    model: SearchModelOption,
    out: Annotated[
        str, typer.Option("--out", metavar="PLACE", callback=a_place, help="Folder or s3:// prefix to write.")
    ],
    data_root: RecordedDataRootOption = None,
    faiss: Annotated[bool, typer.Option("--faiss", help="Make an index for faster, approximate searches too.")] = False,
    recall: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=1, help="Nearest images that the index shall find.")
    ] = 0.95,
) -> None:
    """Store a gallery's features in Parquet files, for searches on any machine.

    What is there already is not computed again: the command goes on after an interruption, and computes only the parts
    with new images.
    """
    from simpgan.components.core.data.manifest import Manifest
    from simpgan.components.core.registry.adaptation import load_adaptation
    from simpgan.components.core.registry.local_models import folder_of
    from simpgan.components.search.approximate import build_index, refuse_single_image
    from simpgan.components.search.storing import store_gallery
    from simpgan.pipelines.runner.relocation import find_data_root

    dataset = Manifest.load(manifest)
    if faiss:
        refuse_single_image(dataset.dataset, len(dataset.images))
    root = find_data_root(data_root and place_of_data(data_root), manifest)
    adaptation = load_adaptation(folder_of(model))
    with root.explained(manifest):
        stored = store_gallery(out, dataset, adaptation, root.place)
    typer.echo(
        f"{out}: {len(stored):,} images of {stored.dataset}, features of {stored.description.dimensions} numbers"
    )
    if faiss:
        made = build_index(stored, recall).description
        typer.echo(
            f"The index finds {made.used.recall:.1%} of the nearest images, up to {made.top}, in "
            f"{made.used.seconds:.4f} s a probe; the exact search takes {made.exact_seconds:.4f} s."
        )


def search(
    probe: Annotated[Path, typer.Option(metavar="PATH", help="Image of a person, or a folder of images.")],
    gallery: Annotated[
        str,
        typer.Option(metavar="GALLERY", callback=a_place, help="Images to search."),
    ],
    model: SearchModelOption,
    out: OutOption,
    data_root: RecordedDataRootOption = None,
    camera: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Camera of the probes, for AdaBN per camera."),
    ] = None,
    faiss: Annotated[bool, typer.Option("--faiss", help="Search by the gallery's index; may miss images.")] = False,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Images to return for each probe.")] = 20,
    false_accepts: Annotated[
        float, typer.Option(metavar="RATE", min=0, max=1, help="False accept rate of the threshold.")
    ] = 0.001,
) -> None:
    """Find the gallery images that are most similar to a person.

    The gallery is a manifest, or a place that simpgan gallery wrote. Its features are cached for the next search.
    """
    from simpgan.components.core.registry.local_models import folder_of
    from simpgan.components.search.approximate import FaissIndex
    from simpgan.components.search.page import write_page
    from simpgan.components.search.ranking import nearest
    from simpgan.components.search.searcher import Searcher, probe_files

    probes = probe_files(probe)
    folder = folder_of(model)
    root, manifests = images_of_search(data_root, gallery, folder)
    searcher = Searcher.open(folder, gallery, root.place, false_accepts)
    with root.explained(*manifests):
        rank = FaissIndex.open(searcher.gallery).nearest if faiss else nearest
        found = searcher.search(probes, top, camera, rank)
        out.mkdir(parents=True, exist_ok=True)
        storage.write_bytes(str(out / "search.parquet"), found.to_parquet(index=False))
        write_page(out / "search.html", searcher, found)
    for name, each in found.groupby("probe", sort=False):
        best, accepted = each.iloc[0], each["accepted"].sum()
        typer.echo(f"{name}: {accepted} of {len(each)} accepted, best {best['image']} ({best['similarity']:.3f})")
    typer.echo(f"\nThreshold: {searcher.threshold}.\nThe page: {out / 'search.html'}")


def images_of_search(data_root: str | None, gallery: str, model: Path) -> "tuple[DataRoot, list[Path]]":
    """Return the place of the images that a search reads, and their manifests.

    Args:
        data_root: the place that was given; None: it is that of the run in which gallery or model lie.
        gallery: manifest, or stored gallery.
        model: folder of the adaptation.

    Raises:
        UserError: the place is unknown.
    """
    from simpgan.components.core.data.manifest import missing_files
    from simpgan.pipelines.runner.relocation import find_data_root

    places = [model / "source"] if storage.is_s3(gallery) else [Path(gallery), model / "source"]
    root = find_data_root(data_root and place_of_data(data_root), *places)
    return root, [place for place in places if not missing_files(place)]
