"""What rows of results say together: means over folds and seeds, comparisons in words, tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from components.core.results.methods import name_of, place, title_of
from components.core.results.rows import RATES, ResultsRow

EXPERIMENT = ["source", "target", "protocol"]


@dataclass(frozen=True)
class Summary:
    """A method's rows in one experiment (source, target, protocol): mean and standard deviation of each rate.

    Over several folds, a fold's seeds are averaged first and the deviation is that of the folds; in a single fold it
    is that of the seeds; in a single row there is none (NaN).
    """

    source: str
    target: str
    protocol: str
    method: str
    mean: "pd.Series[float]"
    deviation: "pd.Series[float]"
    probes: str
    gallery: str
    folds: int
    seeds: int

    @property
    def experiment(self) -> tuple[str, str, str]:
        return self.source, self.target, self.protocol

    def rate(self, name: str) -> str:
        """A rate of `RATES` in percent, such as `31.2 ± 2.4`."""
        return f"{self.mean[name]:.1f}" + (f" ± {self.deviation[name]:.1f}" if self.repeated else "")

    @property
    def repeated(self) -> bool:
        """Whether there is a deviation."""
        return max(self.folds, self.seeds) > 1


@dataclass(frozen=True)
class Comparison:
    """Rank-1 in percent of a method and a baseline in one experiment, over the folds and seeds both have."""

    source: str
    target: str
    protocol: str
    method: str
    baseline: str
    rank_1: float
    baseline_rank_1: float
    folds: int
    seeds: int

    def __str__(self) -> str:
        """In words, without a full stop at the end."""
        ours = f"{title_of(self.method)} finds the right person first for {self.rank_1:.1f} % of probes"
        if self.baseline_rank_1 == 0:
            return f"{ours}, {name_of(self.baseline)} for none"
        return f"{ours}, {name_of(self.baseline)} for {self.baseline_rank_1:.1f} %: {self.times}"

    @property
    def times(self) -> str:
        """How many times as many probes, in words."""
        if round(self.rank_1, 1) == round(self.baseline_rank_1, 1):
            return "as many"
        ratio = self.rank_1 / self.baseline_rank_1
        if 0.95 <= ratio < 1.05:
            return "about as many"
        return f"{ratio:.1f} times as many" if ratio > 1 else f"only {ratio:.2f} times as many"


def summarise(rows: Sequence[ResultsRow]) -> list[Summary]:
    """Average over folds and seeds. Experiments stay in order of appearance, methods follow `LABELS`."""
    frame = pd.DataFrame([row.model_dump(by_alias=True) for row in rows])
    if frame.empty:
        return []
    summaries = []
    for (source, target, protocol, method), group in frame.groupby([*EXPERIMENT, "method"], sort=False):
        folds, seeds = group["fold"].nunique(), group["seed"].nunique()
        repeated = group.groupby("fold" if folds > 1 else "seed")[RATES].mean()
        summaries.append(
            Summary(
                source,
                target,
                protocol,
                method,
                mean=repeated.mean(),
                deviation=repeated.std(),
                probes=spread(group["probes"]),
                gallery=spread(group["gallery"]),
                folds=folds,
                seeds=seeds,
            )
        )
    experiments = list(dict.fromkeys(summary.experiment for summary in summaries))
    return sorted(summaries, key=lambda each: (experiments.index(each.experiment), place(each.method)))


def final_figures(rows: Sequence[ResultsRow]) -> dict[str, float]:
    """Mean rates in percent by the name they are tracked under, such as `rank-1/folds10/simpgan`."""
    return {
        f"{rate}/{summary.protocol}/{summary.method.replace('+', '-')}": float(summary.mean[rate])
        for summary in summarise(rows)
        for rate in ("rank-1", "rank-5", "rank-10", "mAP")
    }


def compare(rows: Sequence[ResultsRow], method: str, baseline: str = "direct") -> list[Comparison]:
    """How much more often than `baseline` a method is right at once, in each experiment that has both.

    Only folds and seeds that both have count, so the two never differ by what they were asked.
    """
    runs = [*EXPERIMENT, "fold", "seed"]
    frame = pd.DataFrame([row.model_dump(by_alias=True) for row in rows], columns=[*runs, "method", "rank-1"])
    ours, theirs = (frame[frame["method"] == each] for each in (method, baseline))
    both = ours.merge(theirs, on=runs, suffixes=("", " of baseline"))
    return [
        Comparison(
            source,
            target,
            protocol,
            method,
            baseline,
            rank_1=group.groupby("fold")["rank-1"].mean().mean(),
            baseline_rank_1=group.groupby("fold")["rank-1 of baseline"].mean().mean(),
            folds=group["fold"].nunique(),
            seeds=group["seed"].nunique(),
        )
        for (source, target, protocol), group in both.groupby(EXPERIMENT, sort=False)
    ]


def table(rows: Sequence[ResultsRow]) -> str:
    """The summary for a terminal: a block an experiment, a line a method, rates in percent."""
    blocks: dict[tuple[str, str, str], list[list[str]]] = {}
    for summary in summarise(rows):
        blocks.setdefault(summary.experiment, []).append(cells(summary))
    return "\n\n".join(
        f"{source} → {target}, {protocol} (rates in percent)\n{aligned([HEADER, *lines])}"
        for (source, target, protocol), lines in blocks.items()
    )


def markdown(rows: Sequence[ResultsRow]) -> str:
    """The summary as one Markdown table, rates in percent."""
    lines = [["source", "target", "protocol", *HEADER], ["---"] * 4 + ["--:"] * (len(HEADER) - 1)]
    lines += [[*summary.experiment, *cells(summary)] for summary in summarise(rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


HEADER = ["method", *RATES, "probes", "gallery", "folds", "seeds"]


def cells(summary: Summary) -> list[str]:
    """A summary's line under `HEADER`."""
    rates = [summary.rate(name) for name in RATES]
    return [title_of(summary.method), *rates, summary.probes, summary.gallery, str(summary.folds), str(summary.seeds)]


def aligned(lines: list[list[str]]) -> str:
    """Columns as wide as their widest cell, the first one flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines)


def spread(values: "pd.Series[int]") -> str:
    """A count that all rows share, or the least and the greatest."""
    return f"{values.min()}" if values.nunique() == 1 else f"{values.min()}-{values.max()}"
