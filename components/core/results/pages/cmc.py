"""Draw CMC curves, in the report of one evaluation and in the comparison of several runs."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from numpy.typing import NDArray

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7a5195")
"""Okabe and Ito's colours, which can be told apart with any colour vision, and one more."""

MARKERS = "os^DvP<X>"
MARKED_RANKS = (1, 5, 10, 20)
"""Ranks at which a curve has its marker; texts name them."""

TICKS = (1, 2, 5, 10, 20, 50, 100)


def plot_curve(
    axes: Axes, curve: NDArray[np.floating], label: str, colour: str, marker: str, *, line: str = "-"
) -> None:
    """Draw one CMC curve, [ranks] in percent; `line` is its style in matplotlib's notation."""
    axes.plot(
        np.arange(1, len(curve) + 1),
        curve,
        color=colour,
        linestyle=line,
        marker=marker,
        markevery=[rank - 1 for rank in MARKED_RANKS if rank <= len(curve)],
        markersize=5,
        markerfacecolor=colour if line == "-" else "white",
        label=label,
    )


def finish_cmc(figure: Figure, axes: Axes, last_rank: int, legend: str, *, legend_size: float | None = None) -> None:
    """Give drawn curves their axes and a legend: ranks are logarithmic, so that the first ones have room.

    Args:
        figure: the figure.
        axes: its axes with the curves.
        last_rank: last rank of the longest curve.
        legend: title of the legend.
        legend_size: size of its font, in points; None: matplotlib's default.
    """
    axes.set_xscale("log")
    axes.set_xticks([rank for rank in TICKS if rank <= last_rank])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rank, _: f"{rank:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, 100)
    axes.set_xlabel("rank (logarithmic)")
    axes.set_ylabel("matching rate (%)")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", frameon=False, title=legend, fontsize=legend_size)
