"""Figures of an evaluation: CMC curves, and images before and after translation."""

from collections.abc import Mapping, Sequence
from io import BytesIO

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from components.core.results.methods import place, title_of

Picture = NDArray[np.uint8]
"""An RGB image, [height, width, 3]."""

Translations = Mapping[str, Sequence[tuple[Picture, Picture]]]
"""By method, images before and after translation; every method shows the same images in the same order."""

COLOURS = {"direct": "#000000", "gan": "#e69f00", "cyclegan": "#0072b2", "simpgan": "#d55e00", "simpgan-fit": "#009e73"}
SPARE_COLOURS = ["#cc79a7", "#56b4e9"]
"""Okabe and Ito's palette, whose colours also people who do not see all colours can tell apart."""

MARKERS = "osD^vPX"


def cmc_figure(curves: Mapping[str, NDArray[np.float64]]) -> Figure:
    """CMC curves on a logarithmic rank axis, where the first ranks have room.

    A method has its own colour and marker. With batch-norm statistics recomputed (`adabn`) it is dashed; `adabn`
    alone is direct transfer with them.

    Args:
        curves: by method, [ranks] float, 0..1.
    """
    methods = sorted(curves, key=place)
    bases = list(dict.fromkeys(base_of(method) for method in methods))
    spare = iter(SPARE_COLOURS * len(bases))
    colours = {base: COLOURS.get(base) or next(spare) for base in bases}

    figure = Figure(figsize=(4.8, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for method in methods:
        curve, base = curves[method], base_of(method)
        ranks = np.arange(1, len(curve) + 1)
        axes.plot(
            ranks,
            100 * curve,
            color=colours[base],
            linestyle="--" if "adabn" in method else "-",
            marker=MARKERS[bases.index(base) % len(MARKERS)],
            markevery=[rank - 1 for rank in (1, 5, 10, 20) if rank <= len(curve)],
            markersize=5,
            markerfacecolor="white" if "adabn" in method else colours[base],
            label=f"{title_of(method)}, {100 * curve[0]:.1f} %",
        )
    axes.set_xscale("log")
    axes.set_xticks([rank for rank in (1, 2, 5, 10, 20, 50, 100) if rank <= max(map(len, curves.values()))])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rank, _: f"{rank:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, 100)
    axes.set_xlabel("length of the list looked at (rank, logarithmic)")
    axes.set_ylabel("probes found in it (%)")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, title="Method, and rank-1")
    return figure


def base_of(method: str) -> str:
    """What images a method looks at: `simpgan+adabn` at SimPGAN's, `adabn` at those of direct transfer."""
    base = method.partition("+")[0]
    return "direct" if base == "adabn" else base


def svg(figure: Figure) -> bytes:
    """A figure as SVG that is the same every time and needs no font."""
    buffer = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "simpgan", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def translation_grid(translations: Translations, *, height: int = 160) -> Image.Image:
    """One picture: a column an image, the first row before translation, then a row a method (the paper's Fig. 4).

    Args:
        translations: images by method.
        height: of each image, in pixels; its width keeps the shape of the first image.
    """
    rows = strips(translations)
    first = rows[0][1][0]
    width = round(height * first.shape[1] / first.shape[0])
    gap, caption = 4, 24
    font = ImageFont.load_default(size=15)
    columns = max(len(pictures) for _, pictures in rows)
    grid = Image.new("RGB", (gap + columns * (width + gap), len(rows) * (caption + height + gap)), "white")
    draw = ImageDraw.Draw(grid)
    for row, (label, pictures) in enumerate(rows):
        top = row * (caption + height + gap)
        draw.text((gap, top + 3), label, fill="black", font=font)
        for column, picture in enumerate(pictures):
            scaled = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
            grid.paste(scaled, (gap + column * (width + gap), top + caption))
    return grid


def strips(translations: Translations) -> list[tuple[str, list[Picture]]]:
    """Rows of the grid with their labels: the images as recorded, then as each method translates them."""
    methods = sorted(translations, key=place)
    before = [picture for picture, _ in translations[methods[0]]]
    after = [
        (f"Translated by {title_of(method)}", [picture for _, picture in translations[method]]) for method in methods
    ]
    return [("As recorded", before), *after]
