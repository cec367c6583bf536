"""Overlaid CMC curves of several runs, each with the band in which it lies with 95 % confidence."""

from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from simpgan.components.core.results.curves import LAST_RANK
from simpgan.pipelines.reports.comparison.groups import Entrant, Group

COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7a5195"]
"""Okabe and Ito's palette, which also people who do not see all colours can tell apart."""

MARKERS = "os^DvP<X"
MARKED = (1, 5, 10, 20)


def drawn(group: Group) -> list[Entrant]:
    """Whose curves are in the figure: the best ones, and always the reference."""
    best = list(group.entrants[: len(COLOURS)])
    return best if group.reference in best else [*best[:-1], group.reference]


def curves_figure(group: Group) -> Figure:
    """The curves of `drawn` on a logarithmic rank axis, where the first ranks have room."""
    shown = drawn(group)
    ranks = np.arange(1, LAST_RANK + 1)
    figure = Figure(figsize=(6.4, 4.2 + 0.32 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    for entrant, colour, marker in zip(shown, COLOURS, MARKERS, strict=False):
        band = group.bands[entrant.title]
        axes.fill_between(ranks, band.low[:LAST_RANK], band.high[:LAST_RANK], color=colour, alpha=0.14, linewidth=0)
        axes.plot(
            ranks,
            band.mean[:LAST_RANK],
            color=colour,
            marker=marker,
            markevery=[rank - 1 for rank in MARKED],
            markersize=5,
            label=fill(f"{entrant.title}, {band.mean[0]:.1f} %", 62),
        )
    axes.set_xscale("log")
    axes.set_xticks([rank for rank in (1, 2, 5, 10, 20, 50) if rank <= LAST_RANK])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rank, _: f"{rank:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, 100)
    axes.set_xlabel("length of the list looked at (rank, logarithmic)")
    axes.set_ylabel("probes found in it (%)")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", frameon=False, title="Run, and rank-1", fontsize=9)
    return figure


def reading(group: Group) -> str:
    """The figure's numbers in words, for those who do not see it."""
    return "; ".join(
        f"{entrant.title}: "
        + ", ".join(
            f"{band.mean[rank - 1]:.1f} % at rank {rank} ({band.low[rank - 1]:.1f} to {band.high[rank - 1]:.1f})"
            for rank in MARKED
        )
        for entrant in drawn(group)
        for band in [group.bands[entrant.title]]
    )
