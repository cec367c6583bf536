"""The page of a search: each probe, and the gallery images most like it."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from simpgan.components.core import storage
from simpgan.components.core.data.object_versions import as_bytes
from simpgan.components.core.results.pages import environment
from simpgan.components.search.gallery import pictures
from simpgan.components.search.searcher import Searcher, open_probe


def write_page(path: Path, searcher: Searcher, found: pd.DataFrame) -> None:
    """Write the page of the images that `Searcher.search` found, whole or not at all."""
    rows = found["row"].to_numpy()
    crops = dict(zip(rows, pictures(searcher.gallery, searcher.data_root, rows), strict=True))
    probes = [
        (
            Path(probe).name,
            np.asarray(open_probe(Path(os.fsdecode(as_bytes(probe))))),
            [(row, crops[row.row]) for row in each.itertuples()],
        )
        for probe, each in found.groupby("probe", sort=False)
    ]
    description = searcher.adaptation.description
    page = (
        environment("simpgan.components.search", autoescape=True)
        .get_template("search.html.j2")
        .render(
            probes=probes,
            threshold=searcher.threshold,
            gallery=searcher.gallery.dataset,
            images=len(searcher.gallery),
            description=description,
            precision=searcher.adaptation.looking.precision,
        )
    )
    storage.write_bytes(str(path), page.encode())
