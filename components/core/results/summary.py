"""Summarise rows of results: means over folds and seeds, and comparisons of methods."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core.results.methods import compares_otherwise, most_prominent, place, title_of
from simpgan.components.core.results.rows import KEY, MAIN_RATES, RATES, ResultsRow

UNTRACKABLE = re.compile(r"^[^A-Za-z0-9_]|[^A-Za-z0-9_\-. ]")
"""Characters that the name of a metric cannot have, but a data set's name can."""

CURVE_RANKS = 50
"""Last rank of the tracked CMC curves."""

EXPERIMENT = ["source", "target", "preset", "protocol"]


class Experiment(NamedTuple):
    """The fields in which rows must agree to be compared."""

    source: str
    target: str
    preset: str
    protocol: str

    @classmethod
    def of(cls, row: ResultsRow) -> Self:
        """Return the experiment of a row."""
        return cls(row.source, row.target, row.preset, row.protocol)

    @property
    def title(self) -> str:
        """Return the title of the experiment."""
        return f"{self.source} → {self.target}, {self.protocol}" + (f", preset {self.preset}" if self.preset else "")


@dataclass(frozen=True)
class Summary:
    """A method's rows in one experiment: mean and standard deviation of each rate, in percent.

    Over several folds, each fold's seeds are averaged first, and the deviation is over folds. In a single fold it is
    over seeds; for a single row there is none (NaN).
    """

    experiment: Experiment
    method: str
    variant: str
    mean: "pd.Series[float]"
    deviation: "pd.Series[float]"
    probes: str
    gallery: str
    folds: int
    seeds: int

    @property
    def title(self) -> str:
        """Return the title of the method."""
        return title_of(self.method, self.variant)

    def rate(self, name: str) -> str:
        """Return a rate of `RATES` in percent, such as `31.2 ± 2.4`."""
        return f"{self.mean[name]:.1f}" + (f" ± {self.deviation[name]:.1f}" if self.repeated else "")

    @property
    def repeated(self) -> bool:
        """Tell whether there is a deviation."""
        return max(self.folds, self.seeds) > 1


@dataclass(frozen=True)
class MethodComparison:
    """Rank-1 in percent of a method and a baseline in one experiment, over the folds and seeds that both have."""

    experiment: Experiment
    method: str
    variant: str
    baseline: str
    rank_1: float
    baseline_rank_1: float
    folds: int
    seeds: int


def unbroken(sentence: str) -> str:
    """Keep numbers on one line with their percent sign, and p with its value."""
    return sentence.replace(" %", "\u00a0%").replace("p = ", "p\u00a0=\u00a0")


def frame_of(rows: Sequence[ResultsRow]) -> pd.DataFrame:
    """Return rows as a table, with columns named as in the file."""
    return pd.DataFrame([row.model_dump(by_alias=True) for row in rows])


def summarise(rows: Sequence[ResultsRow]) -> list[Summary]:
    """Average over folds and seeds. Experiments stay in order of appearance, methods follow `METHODS`."""
    if not rows:
        return []
    summaries = []
    for (*experiment, method, variant), group in frame_of(rows).groupby([*EXPERIMENT, "method", "variant"], sort=False):
        folds, seeds = group["fold"].nunique(), group["seed"].nunique()
        repeated = group.groupby("fold" if folds > 1 else "seed")[RATES].mean()
        summaries.append(
            Summary(
                Experiment(*experiment),
                method,
                variant,
                mean=repeated.mean(),
                deviation=repeated.std(),
                probes=spread(group["probes"]),
                gallery=spread(group["gallery"]),
                folds=folds,
                seeds=seeds,
            )
        )
    experiments = list(dict.fromkeys(summary.experiment for summary in summaries))
    return sorted(summaries, key=lambda each: (experiments.index(each.experiment), place(each.method), each.variant))


def comparable(rows: Sequence[ResultsRow], method: str = "") -> list[list[ResultsRow]]:
    """Split rows into blocks that compare like with like.

    Within a block, every method of one experiment was measured in the same folds and seeds, on as many probes and
    images. The first block of an experiment has the folds and seeds that `method` shares with direct transfer, and
    every method that has all of them. A method that was measured in other folds or seeds too is also in a further
    block, with all its rows.

    Args:
        rows: rows of any number of experiments.
        method: method for the first block; empty, or if it was not measured: that of `most_prominent`.

    Returns:
        The blocks of each experiment, which stay in order of appearance.
    """
    experiments: dict[Experiment, dict[tuple[str, str], list[ResultsRow]]] = {}
    for row in rows:
        experiments.setdefault(Experiment.of(row), {}).setdefault((row.method, row.variant), []).append(row)
    blocks: list[list[ResultsRow]] = []
    for measured in experiments.values():
        first = shared_with_direct(measured, method)
        alike = {
            first: [row for own in measured.values() if first <= asked(own) for row in own if asked([row]) <= first]
        }
        for own in measured.values():
            if asked(own) != first:
                alike.setdefault(asked(own), []).extend(own)
        blocks += alike.values()
    return blocks


Asked = frozenset[tuple[int, int, int, int, int]]


def asked(rows: Sequence[ResultsRow]) -> Asked:
    """Return what was measured: fold, seed, probes, probes left out and images of the gallery."""
    return frozenset((row.fold, row.seed, row.probes, row.left_out, row.gallery) for row in rows)


def shared_with_direct(measured: Mapping[tuple[str, str], Sequence[ResultsRow]], method: str) -> Asked:
    """Return what was measured of both a method and direct transfer; if nothing, what was measured of the method."""
    methods = {name for name, _ in measured}
    about = method if method in methods else most_prominent(methods)
    own = [asked(rows) for (name, _), rows in measured.items() if name == about]
    direct = asked(measured.get(("direct", ""), ()))
    return max((each & direct for each in own), key=len) or max(own, key=len)


def first_block(blocks: Sequence[Sequence[ResultsRow]]) -> list[ResultsRow]:
    """Return the rows of every method in the first block of `comparable` that has it."""
    found: dict[tuple[Experiment, str, str], list[ResultsRow]] = {}
    for block in blocks:
        of_block: dict[tuple[Experiment, str, str], list[ResultsRow]] = {}
        for row in block:
            of_block.setdefault((Experiment.of(row), row.method, row.variant), []).append(row)
        for method, rows in of_block.items():
            found.setdefault(method, rows)
    return [row for rows in found.values() for row in rows]


def final_figures(rows: Sequence[ResultsRow]) -> dict[str, float]:
    """Return mean rates in percent, rounded to a hundredth, by their tracked names: `rank-1/folds10/simpgan`.

    The means are over the folds and seeds in which methods can be compared (`comparable`). Fields that differ between
    the rows precede the protocol: source, target and preset.
    """
    differing = [place for place, name in enumerate(EXPERIMENT[:-1]) if len({getattr(row, name) for row in rows}) > 1]
    figures = {}
    for summary in summarise(first_block(comparable(rows))):
        where = [*(summary.experiment[place] or "defaults" for place in differing), summary.experiment.protocol]
        for rate in MAIN_RATES:
            figures[tracked_name(rate, where, summary.method, summary.variant)] = round(summary.mean[rate], 2)
    return figures


def final_curves(rows: Sequence[ResultsRow], probes: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Return CMC curves in percent, rounded to a hundredth, by names like `cmc/folds10/simpgan`.

    They go to rank `CURVE_RANKS`, and are means over the same folds and seeds as `final_figures`. Other comparisons of
    the same images are left to the table.

    Args:
        rows: rows of results.
        probes: table with the columns of `probes.COLUMNS`.
    """
    shown = [row.key for row in first_block(comparable(rows)) if not compares_otherwise(row.method)]
    counted = probes[probes["first_rank"] > 0].merge(
        pd.DataFrame(shown, columns=KEY).astype(probes[KEY].dtypes), on=KEY
    )
    differing = [name for name in EXPERIMENT[:-1] if counted[name].nunique() > 1]
    ranks = np.arange(1, CURVE_RANKS + 1)
    curves = {}
    for (*where, method, variant), group in counted.groupby([*differing, "protocol", "method", "variant"], sort=False):
        of_runs = [
            (run["first_rank"].to_numpy()[:, None] <= ranks).mean(axis=0) for _, run in group.groupby(["fold", "seed"])
        ]
        name = tracked_name("cmc", [place or "defaults" for place in where], method, variant)
        curves[name] = np.round(100 * np.mean(of_runs, axis=0), 2)
    return curves


def tracked_name(what: str, where: Sequence[str], method: str, variant: str) -> str:
    """Return the tracked name of a method's figure."""
    run = " ".join([method, variant]).strip().replace("+", "-").replace("=", " ")
    return "/".join([what, *(UNTRACKABLE.sub("_", name) for name in [*where, run])])


def compare(rows: Sequence[ResultsRow], method: str, baseline: str = "direct") -> list[MethodComparison]:
    """Compare the rank-1 of `method` with that of `baseline`, in each experiment that has both.

    Only folds and seeds that both have count. A variant of the method is compared with the same variant of the
    baseline, or with the baseline without a variant if there is none.
    """
    if not rows:
        return []
    pairs = paired(frame_of(rows), method, baseline, ["fold", "seed"])
    return [
        MethodComparison(
            Experiment(*experiment),
            method,
            variant,
            baseline,
            rank_1=group.groupby("fold")["rank-1"].mean().mean(),
            baseline_rank_1=group.groupby("fold")["rank-1 of baseline"].mean().mean(),
            folds=group["fold"].nunique(),
            seeds=group["seed"].nunique(),
        )
        for (*experiment, variant), group in pairs.groupby([*EXPERIMENT, "variant"], sort=False)
    ]


def paired(frame: pd.DataFrame, method: str, baseline: str, pair: Sequence[str]) -> pd.DataFrame:
    """Join the lines of a method with those of its baseline, whose columns end in ` of baseline`.

    Args:
        frame: table with the columns of `EXPERIMENT`, method, variant and `pair`.
        method: the method.
        baseline: the baseline.
        pair: columns in which two lines of an experiment must agree, such as fold and seed.
    """
    run = [*EXPERIMENT, *pair]
    ours, theirs = (frame[frame["method"] == each] for each in (method, baseline))
    own_variant = index_of(ours, run).isin(index_of(theirs, run))
    with_partner = ours.assign(partner=ours["variant"].where(own_variant, ""))
    return with_partner.merge(
        theirs.rename(columns={"variant": "partner"}), on=[*run, "partner"], suffixes=("", " of baseline")
    )


def index_of(frame: pd.DataFrame, run: Sequence[str]) -> pd.MultiIndex:
    """Return a frame's runs and variants."""
    return pd.MultiIndex.from_frame(frame[[*run, "variant"]])


def table(rows: Sequence[ResultsRow]) -> str:
    """Format the summary for a terminal: one block per comparable set, one line per method, rates in percent.

    Other comparisons of the same images, most of the rows, are left to the pages.
    """
    blocks = []
    for block in comparable([row for row in rows if not compares_otherwise(row.method)]):
        summaries = summarise(block)
        lines = [HEADER, *map(cells, summaries)]
        blocks.append(f"{summaries[0].experiment.title}, {folds_in_words(block)} (rates in percent)\n{aligned(lines)}")
    return "\n\n".join(blocks)


def folds_in_words(rows: Sequence[ResultsRow]) -> str:
    """Describe the folds of rows, such as `fold 3` or `10 folds`."""
    folds = sorted({row.fold for row in rows})
    return f"fold {folds[0]}" if len(folds) == 1 else f"{len(folds)} folds"


HEADER = ["method", *RATES, "probes", "gallery", "folds", "seeds"]


def cells(summary: Summary) -> list[str]:
    """Return a summary's line under `HEADER`."""
    rates = [summary.rate(name) for name in RATES]
    return [summary.title, *rates, summary.probes, summary.gallery, str(summary.folds), str(summary.seeds)]


def aligned(lines: list[list[str]]) -> str:
    """Align columns by their widest cell, the first one flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines)


def spread(values: "pd.Series[int]") -> str:
    """Return a count that all rows share, or the least and the greatest."""
    return f"{values.min()}" if values.nunique() == 1 else f"{values.min()}-{values.max()}"
