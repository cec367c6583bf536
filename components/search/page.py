"""The page of a search: each probe, and the gallery images most like it."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from components.core.data.shards import read_images
from components.core.results.pages import environment
from components.core.runtime import storage
from components.search.searcher import Searcher, opened
from components.search.threshold import Threshold


def write_page(path: Path, searcher: Searcher, found: pd.DataFrame, threshold: Threshold) -> None:
    """Write the page of what `Searcher.search` has found, whole or not at all."""
    rows = searcher.gallery.images["name"].searchsorted(found["image"])
    crops = dict(zip(rows, map(picture, read_images(searcher.data_root, searcher.gallery, rows)), strict=True))
    probes = [
        (Path(probe).name, np.asarray(opened(Path(probe))), list(zip(each.itertuples(), places, strict=True)))
        for probe, each in found.groupby("probe", sort=False)
        for places in [[crops[row] for row in searcher.gallery.images["name"].searchsorted(each["image"])]]
    ]
    description = searcher.adaptation.description
    page = (
        environment("components.search", autoescape=True)
        .get_template("search.html.j2")
        .render(
            probes=probes,
            threshold=threshold,
            gallery=searcher.gallery.dataset,
            images=len(searcher.gallery.images),
            description=description,
        )
    )
    storage.write_bytes(str(path), page.encode())


def picture(content: bytes) -> np.ndarray:
    """An encoded image as RGB [height, width, 3]."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))
