"""The page of the clusters: their number by epoch, and some of them as rows of crops."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from simpgan.components.core.models.extraction import DecodedImages
from simpgan.components.core.results.pages import environment
from simpgan.components.core.results.pages.pictures import data_uri, svg
from simpgan.components.self_train.clustering import OUTLIER
from simpgan.components.self_train.pictures import shown_clusters, shown_members

SHOWN = 30
"""Clusters on the page, from the largest to the smallest."""

COLUMNS = 12

Crop = tuple[NDArray[np.uint8], str]  # picture, camera


def write_page(
    path: Path,
    images: DecodedImages,
    labels: NDArray[np.int64],
    epochs: Sequence[Mapping[str, float]],
    selection: Mapping[str, float],
    stopped: str,
) -> None:
    """Write clusters.html.

    Args:
        path: path of the page.
        images: the images that were clustered.
        labels: [N], their clusters after the chosen epoch.
        epochs: measures of the start and of each epoch.
        selection: number and measures of the chosen epoch.
        stopped: why the training ended early; empty if it did not.
    """
    chosen = shown_clusters(labels, SHOWN)
    outliers = np.flatnonzero(labels == OUTLIER)
    page = (
        environment("simpgan.components.self_train", autoescape=True)
        .get_template("clusters.html.j2")
        .render(
            dataset=images.manifest.dataset,
            images=len(labels),
            chosen=selection["epoch"],
            count=selection["count"],
            stopped=stopped,
            epochs=epochs,
            chart=data_uri(svg(chart(epochs, int(selection["epoch"]))), "image/svg+xml"),
            columns=COLUMNS,
            rows=[
                (int((labels == cluster).sum()), crops(images, shown_members(labels, cluster, COLUMNS)))
                for cluster in chosen
            ],
            outliers=crops(
                images, outliers[np.linspace(0, len(outliers) - 1, min(COLUMNS, len(outliers))).astype(int)]
            ),
        )
    )
    path.write_text(page)


def crops(images: DecodedImages, places: NDArray[np.int64]) -> list[Crop]:
    """Return some of the images with the names of their cameras."""
    cameras = images.manifest.shown("camera").iloc[images.rows[places]].fillna("")
    pictures = images.decoded[torch.from_numpy(places).to(images.decoded.device)].permute(0, 2, 3, 1).cpu().numpy()
    return [
        (picture, f"camera {camera}" if camera else "unknown camera")
        for picture, camera in zip(pictures, cameras, strict=True)
    ]


def chart(epochs: Sequence[Mapping[str, float]], chosen: int) -> Figure:
    """Draw the number of clusters and the share of outliers by epoch."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    places = range(len(epochs))
    above.plot(places, [each["count"] for each in epochs], "o-", color="#0072b2", markersize=4)
    below.plot(places, [100 * each["outliers"] for each in epochs], "o-", color="#d55e00", markersize=4)
    for axes, label in ((above, "clusters"), (below, "outliers (%)")):
        axes.axvline(chosen, color="#999999", linestyle=":", zorder=0)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    below.set_xlabel("epoch (0: before the training)")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
