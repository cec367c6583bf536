"""The page of drift: the cameras that have changed, by how much, and their images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.data.decoded_images import read_decoded_images
from simpgan.components.core.results.pages import environment
from simpgan.components.core.results.pages.pictures import data_uri, svg
from simpgan.components.drift.appearance import MEASURES
from simpgan.components.drift.camera_drift import CameraDrift, ComparedCamera, ImageFeatures
from simpgan.components.drift.settings import DriftSettings

Picture = NDArray[np.uint8]
Row = tuple[str, list[Picture]]

COLOURS = {"changed": "#d55e00", "same": "#0072b2"}
TITLES = {"changed": "changed", "same": "as before", "new": "new", "silent": "silent", "few": "too few images"}
TICKS = (0.5, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def write_page(
    path: str | Path,
    compared: Sequence[ComparedCamera],
    names: tuple[str, str],
    details: dict[str, object],
    settings: DriftSettings,
    data_root: str,
) -> None:
    """Write drift.html, whole or not at all.

    Args:
        path: path or `s3://` location.
        compared: all cameras with their images.
        names: names of the reference's data set and of the new one.
        details: table at the end, name to value.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix that holds the shards.

    Raises:
        UserError: the location cannot be written.
    """
    cameras = [each.drift for each in compared]
    judged = sum(each.p is not None for each in cameras)
    looked_at = [each for each in compared if each.now]
    page = (
        environment("simpgan.components.drift", autoescape=True)
        .get_template("drift.html.j2")
        .render(
            headline=headline(cameras),
            sentences=[str(each) for each in cameras if each.status != "same"],
            names=names,
            cameras=cameras,
            titles=TITLES,
            measures=MEASURES,
            threshold=settings.threshold,
            by_chance=settings.threshold * judged,
            permutations=settings.permutations,
            chart=data_uri(svg(chart(cameras)), "image/svg+xml") if judged else "",
            galleries=[(each.drift, rows_of_pictures(each, settings.pictures, data_root)) for each in looked_at],
            details=details,
        )
    )
    storage.write_bytes(str(path), page.encode())


def headline(cameras: Sequence[CameraDrift]) -> str:
    """Return a sentence on how many cameras have changed, without a full stop."""
    known = [each for each in cameras if each.p is not None]
    changed = [each.camera for each in known if each.status == "changed"]
    if not known:
        return "No camera has enough images before and since to be judged"
    if not changed:
        return "The camera looks as before" if len(known) == 1 else f"All {len(known)} cameras look as before"
    if len(changed) == 1:
        return f"{changed[0]} has changed" + (f", the other {len(known) - 1} look as before" if len(known) > 2 else "")
    return f"{len(changed)} of {len(known)} cameras have changed"


def chart(cameras: Sequence[CameraDrift]) -> Figure:
    """Draw one line per camera: the ratio of its distance, and the range of chance."""
    shown = [each for each in cameras if each.p is not None]
    figure = Figure(figsize=(5.4, 1.6 + 0.34 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    for place, each in enumerate(reversed(shown)):
        assert each.ratio is not None
        assert each.upper is not None
        assert each.usual is not None
        expected = each.upper / max(each.usual, 1e-12)
        axes.barh(place, expected, left=0, height=0.62, color="#d9dfe7")
        axes.plot([1, each.ratio], [place, place], color=COLOURS[each.status], linewidth=2)
        marker = "D" if each.status == "changed" else "o"
        axes.plot(each.ratio, place, marker, color=COLOURS[each.status], markersize=7)
    largest = max(2.0, *(each.ratio or 0 for each in shown))
    axes.set_xscale("log")
    axes.set_xlim(0.5, largest * 1.3)
    axes.set_xticks([tick for tick in TICKS if tick <= largest * 1.3])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda times, _: f"{times:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(len(shown)), [each.camera for each in reversed(shown)])
    axes.set_xlabel("times as far as chance would put them (logarithmic)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    handles = [
        Line2D([], [], color=COLOURS["changed"], marker="D", linewidth=2, label="changed"),
        Line2D([], [], color=COLOURS["same"], marker="o", linewidth=2, label="as before"),
        Patch(color="#d9dfe7", label="what chance reaches in 95 of 100 cases"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def rows_of_pictures(compared: ComparedCamera, count: int, data_root: str) -> list[Row]:
    """Return images before, then the new ones most and least like an image before."""
    assert compared.before
    assert compared.now
    nearest = (compared.now.features @ compared.before.features.T).max(1)
    order = np.argsort(-nearest, kind="stable")
    typical, unusual = order[:count], order[::-1][: min(count, max(0, len(order) - count))]
    spread = np.linspace(0, len(compared.before.rows) - 1, min(count, len(compared.before.rows))).astype(int)
    of_before = "Before, all cameras" if compared.drift.status == "new" else "Before"
    return [
        (of_before, pictures(compared.before, spread, data_root)),
        ("New, most like those before", pictures(compared.now, typical, data_root)),
        ("New, least like those before", pictures(compared.now, unusual, data_root)),
    ]


def pictures(seen: ImageFeatures, places: NDArray[np.int64], data_root: str) -> list[Picture]:
    """Return some of the images as recorded."""
    return list(read_decoded_images(data_root, seen.manifest, seen.rows[places]))
