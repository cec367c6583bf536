"""Figures of an evaluation: CMC curves, images before and after translation, and feature maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simpgan.components.core.results.methods import (
    ADABN,
    CAMERA_ADABN,
    METHODS,
    parsed,
    place_of_label,
    statistics_of,
    title_of_label,
    without_statistics,
)
from simpgan.components.core.results.pages.cmc import MARKERS, finish_cmc, plot_curve

Picture = NDArray[np.uint8]
"""An RGB image, [height, width, 3]."""

Translations = Mapping[str, Sequence[tuple[Picture, Picture]]]
"""By label, images before and after translation; every method shows the same images in the same order."""


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Features as points in the plane.

    Attributes:
        label: label of the run.
        clouds: [N, 2] points by what they show: `source`, `recorded` (left out if another classifier looked at those
            images) and `adapted`.
        overlap: overlap of the adapted target with the source.
    """

    label: str
    clouds: Mapping[str, NDArray[np.float32]]
    overlap: float


SPARE_COLOURS = ["#b8a000", "#8c564b"]
"""Colours of labels that are no method's name: variants of a method, and methods of others."""

LINES = {"": "-", ADABN: "--", CAMERA_ADABN: "-."}
"""Lines of CMC curves by the batch-norm statistics, in matplotlib's notation."""

CLOUDS = {"source": ("#0072b2", "o"), "recorded": ("#999999", "^"), "adapted": ("#d55e00", "s")}
"""Colour and marker of the clouds in a feature map, in the order of drawing."""


def cmc_figure(curves: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw CMC curves on a logarithmic rank axis, which leaves room for the first ranks.

    A method has its own colour and marker. With AdaBN its line is dashed, with AdaBN per camera it has dots between the
    dashes; `adabn` and `camera-adabn` alone are direct transfer with them.

    Args:
        curves: [ranks] float, 0..1, by label.
    """
    methods = sorted(curves, key=place_of_label)
    bases = list(dict.fromkeys(base_method(method) for method in methods))
    spare = iter(SPARE_COLOURS * len(bases))
    colours = {base: METHODS[base].colour if base in METHODS else next(spare) for base in bases}

    figure = Figure(figsize=(4.8, 3.8 + 0.2 * len(methods)), layout="constrained")
    axes = figure.add_subplot()
    for method in methods:
        curve, base = 100 * curves[method], base_method(method)
        label = f"{title_of_label(method)}, {curve[0]:.1f} %"
        marker = MARKERS[bases.index(base) % len(MARKERS)]
        plot_curve(axes, curve, label, colours[base], marker, line=LINES[statistics_of(method.partition(" ")[0])])
    finish_cmc(figure, axes, max(map(len, curves.values())), "Method and rank-1")
    return figure


def base_method(label: str) -> str:
    """Return the method whose images are looked at: `simpgan` for `simpgan+adabn`, `direct` for `adabn`."""
    method, _, variant = label.partition(" ")
    return f"{parsed(without_statistics(method))[0]} {variant}".strip()


def translation_grid(translations: Translations, *, height: int = 160) -> Image.Image:
    """Draw one picture: one column per image, a row before translation, then one row per method (the paper's Fig. 4).

    Args:
        translations: images by label.
        height: height of each image in pixels; the width keeps the shape of the first image.
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
    """Return the rows of the grid with their titles: the images as recorded, then translated by each method."""
    labels = sorted(translations, key=place_of_label)
    before = [picture for picture, _ in translations[labels[0]]]
    after = [
        (f"Translated by {title_of_label(label)}", [picture for _, picture in translations[label]]) for label in labels
    ]
    return [("As recorded", before), *after]


def features_figure(maps: Sequence[FeatureMap]) -> Figure:
    """Draw feature maps, one panel per method, each with the overlap of source and adapted target as its title."""
    columns = min(3, len(maps))
    rows = -(-len(maps) // columns)
    figure = Figure(figsize=(3.3 * columns, 3.5 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for panel in panels:
        panel.set_axis_off()
    for panel, shown in zip(figure.axes, sorted(maps, key=lambda each: place_of_label(each.label)), strict=False):
        panel.set_axis_on()
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_aspect("equal", adjustable="datalim")
        panel.set_title(f"{title_of_label(shown.label)}\noverlap {shown.overlap:.2f}", fontsize=10)
        for name, points in shown.clouds.items():
            colour, marker = CLOUDS[name]
            panel.scatter(
                points[:, 0], points[:, 1], s=9, marker=marker, color=colour, alpha=0.6, linewidths=0, label=name
            )
    handles = {
        name: handle for panel in figure.axes for handle, name in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    titles = {"source": "source", "recorded": "target as recorded", "adapted": "target as the method shows it"}
    figure.legend(
        list(handles.values()),
        [titles[name] for name in handles],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        markerscale=2,
    )
    return figure
