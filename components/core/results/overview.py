"""Draw the main rows of every transfer: rank-1 with its confidence interval."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simpgan.components.core.results.methods import METHODS, parsed, statistics_of, without_statistics
from simpgan.components.core.results.sections import Table
from simpgan.components.core.results.transfers import Transfer

OTHER_COLOUR = "#b8a000"
"""Colour of methods that `METHODS` does not have."""


def overview_figure(transfers: Sequence[Transfer]) -> Figure:
    """Draw the main rows of the pictured tables of each transfer, one panel per table, with their 95 % intervals.

    Points are filled where the classifier has its own statistics, and hollow with AdaBN or AdaBN per camera.
    """
    tables = [table for transfer in transfers for table in transfer.pictured]
    heights = [1.1 + 0.28 * len(table.main) for table in tables]
    figure = Figure(figsize=(7.5, sum(heights)), layout="tight")
    panels = figure.subplots(len(tables), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, table in zip(panels, tables, strict=True):
        draw(panel, table)
    return figure


def draw(panel: Axes, table: Table) -> None:
    """Draw the main rows of one table, the first one on top."""
    rows = table.main
    for place, row in enumerate(rows):
        base = parsed(without_statistics(row.method))[0]
        colour = METHODS[base].colour if base in METHODS else OTHER_COLOUR
        rate = float(row.mean["rank-1"])
        if interval := table.interval(row, "rank-1"):
            panel.plot([interval.low, interval.high], [place, place], color=colour, linewidth=2, alpha=0.5)
        face = "white" if statistics_of(row.method) else colour
        panel.plot(rate, place, "o", color=colour, markerfacecolor=face, markersize=6)
        panel.annotate(f"{rate:.1f}", (rate, place), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=7)
    panel.set_yticks(range(len(rows)), [row.title for row in rows], fontsize=9)
    panel.set_ylim(len(rows) - 0.4, -0.8)
    panel.set_xlim(left=0)
    panel.set_xlabel("rank-1 (%), 95 % interval", fontsize=8)
    panel.set_title(table.title, fontsize=10, loc="left")
    panel.grid(axis="x", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
