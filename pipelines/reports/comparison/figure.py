"""Overlaid CMC curves of several runs, each with its 95 % confidence band."""

from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from simpgan.components.core.results.curves import LAST_RANK
from simpgan.components.core.results.pages.cmc import MARKED_RANKS, MARKERS, PALETTE, finish_cmc, plot_curve
from simpgan.pipelines.reports.comparison.groups import ComparedRuns, Entrant


def drawn(group: ComparedRuns) -> list[Entrant]:
    """Return the entrants whose curves are drawn: the best ones, and always the reference."""
    best = list(group.entrants[: len(PALETTE)])
    return best if group.reference in best else [*best[:-1], group.reference]


def curves_figure(group: ComparedRuns) -> Figure:
    """Draw the curves of `drawn` on a logarithmic rank axis, where the first ranks have room."""
    shown = drawn(group)
    ranks = np.arange(1, LAST_RANK + 1)
    figure = Figure(figsize=(6.4, 4.2 + 0.32 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    for entrant, colour, marker in zip(shown, PALETTE, MARKERS, strict=False):
        band = group.bands[entrant.title]
        axes.fill_between(ranks, band.low[:LAST_RANK], band.high[:LAST_RANK], color=colour, alpha=0.14, linewidth=0)
        label = fill(f"{entrant.title}, {band.mean[0]:.1f} %", 62)
        plot_curve(axes, band.mean[:LAST_RANK], label, colour, marker)
    finish_cmc(figure, axes, LAST_RANK, "Run and rank-1", legend_size=9)
    return figure


def reading(group: ComparedRuns) -> str:
    """Return the figure's numbers in words, for people who do not see it."""
    return "; ".join(
        f"{entrant.title}: "
        + ", ".join(
            f"{band.mean[rank - 1]:.1f} % at rank {rank} ({band.low[rank - 1]:.1f} to {band.high[rank - 1]:.1f})"
            for rank in MARKED_RANKS
        )
        for entrant in drawn(group)
        for band in [group.bands[entrant.title]]
    )
