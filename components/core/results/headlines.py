"""The headline of a page: how a method compares with direct transfer, and which row is best, on the same probes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from simpgan.components.core.results.intervals import Interval, intervals
from simpgan.components.core.results.methods import (
    STATISTICS,
    baseline_of,
    most_prominent,
    name_of,
    statistics_of,
    title_of,
    trains_nothing,
    with_part,
)
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.results.significance import CHANCE, PairedTest, p_in_words, tests_against
from simpgan.components.core.results.statistics import RESAMPLES, Statistics
from simpgan.components.core.results.summary import (
    Experiment,
    MethodComparison,
    Summary,
    comparable,
    compare,
    folds_in_words,
    summarise,
)


class Sentence(NamedTuple):
    """A sentence of a headline, and its details: where it holds, intervals, p. Both without a full stop."""

    text: str
    detail: str

    def __str__(self) -> str:
        """Return both on one line."""
        return f"{self.text} ({self.detail})" if self.detail else self.text


@dataclass(frozen=True)
class Headline:
    """The methods of one experiment that were measured in the same folds and seeds, and how they compare.

    Attributes:
        rows: a block of `comparable`.
        summaries: summaries of these rows.
        comparisons: the method that results are about compared with direct transfer, and with the better of AdaBN and
            AdaBN per camera if both have it.
        best: the highest trained row compared with its baseline; None if it has none.
        intervals: known intervals of rank-1, by method and variant.
        p: known p-values of the comparisons.
    """

    rows: Sequence[ResultsRow]
    summaries: Sequence[Summary]
    comparisons: Sequence[MethodComparison]
    best: MethodComparison | None
    intervals: dict[tuple[str, str], Interval]
    p: dict[MethodComparison, float]

    @property
    def experiment(self) -> Experiment:
        """Return the experiment of the rows."""
        return self.summaries[0].experiment

    @property
    def probes(self) -> int:
        """Return the number of probes in all folds."""
        return probes_of(self.rows)

    @property
    def where(self) -> str:
        """Return source, target, protocol, and the folds and seeds that the numbers are means of."""
        about = self.experiment
        place = f"Trained on {about.source}, tested on {about.target}, protocol {about.protocol}"
        folds, seeds = ({getattr(row, name) for row in self.rows} for name in ("fold", "seed"))
        means = [f"{len(some)} {name}" for some, name in ((folds, "folds"), (seeds, "seeds")) if len(some) > 1]
        fold = f", {folds_in_words(self.rows)}" if len(folds) == 1 else ""
        return f"{place}{fold}" + (f", mean of {' and '.join(means)}" if means else "")

    @property
    def sentences(self) -> list[Sentence]:
        """Return the findings; the first one also says where all of them hold."""
        (text, detail), *others = self.findings
        return [Sentence(text, "; ".join(filter(None, [self.where, detail]))), *others]

    @property
    def findings(self) -> list[Sentence]:
        """Return how the method that results are about compares, then the best rows."""
        return [*(map(self.compared, self.comparisons) if self.comparisons else [self.alone()]), *self.highest_rows()]

    def compared(self, each: MethodComparison) -> Sentence:
        """Compare a method with its baseline."""
        text = f"{found_in_words(title_of(each.method, each.variant), each.rank_1, self.probes)}, {difference(each)}"
        shown = self.intervals_of([(each.method, each.variant), (each.baseline, "")])
        return Sentence(text, "; ".join(filter(None, [shown, self.luck(each)])))

    def alone(self) -> Sentence:
        """Describe the method that results are about if there is nothing to compare it with."""
        about = most_prominent({each.method for each in self.summaries})
        each = next(each for each in self.summaries if each.method == about)
        text = found_in_words(each.title, rank_1(each), self.probes)
        if about != "direct":
            text += "; direct transfer was not measured on the same probes"
        return Sentence(text, self.intervals_of([(each.method, each.variant)]))

    def highest_rows(self) -> list[Sentence]:
        """Describe the row with the highest rank-1, and the highest of those that need no training."""
        untrained, trained = (highest(self.summaries, untrained=free) for free in (True, False))
        count = len(self.summaries)
        if untrained and trained and rank_1(untrained) >= rank_1(trained):
            text = f"No trained method is above {named(untrained)}, which needs no training ({rank_1(untrained):.1f} %)"
            return [Sentence(text, self.intervals_of([(untrained.method, untrained.variant)]))]
        if count <= 2:
            return []
        found = []
        if trained:
            text = f"Of {count} rows, {named(trained)} has the highest rank-1 ({rank_1(trained):.1f} %), partly by luck"
            details = [self.intervals_of([(trained.method, trained.variant)])]
            if self.best and self.best not in self.comparisons:
                text += f": {difference(self.best)}"
                details.append(self.luck(self.best))
            found.append(Sentence(text, "; ".join(filter(None, details))))
        if untrained and untrained.method not in self.compared_methods:
            text = f"Without training, {named(untrained)} has the highest rank-1 ({rank_1(untrained):.1f} %)"
            found.append(Sentence(text, self.intervals_of([(untrained.method, untrained.variant)])))
        return found

    @property
    def compared_methods(self) -> set[str]:
        """Return the methods whose rank-1 another sentence names."""
        return {name for each in self.comparisons for name in (each.method, each.baseline)}

    def luck(self, comparison: MethodComparison) -> str:
        """Return the p-value of a comparison and its meaning; empty if it is unknown."""
        if comparison not in self.p:
            return ""
        p = self.p[comparison]
        return f"{p_in_words(p)}: {'more than chance' if p < CHANCE else 'within chance'}"

    def intervals_of(self, methods: Sequence[tuple[str, str]]) -> str:
        """Return the intervals of rank-1 in words; empty if none is known."""
        known = {each: self.intervals[each] for each in methods if each in self.intervals}
        ends = [
            f"{each.low:.1f} to {each.high:.1f}" + (f" for {name_of(*which)}" if len(methods) > 1 else "")
            for which, each in known.items()
        ]
        return f"95 %: {', '.join(ends)}" if ends else ""


def headlines(
    rows: Sequence[ResultsRow], probes: pd.DataFrame, known: Statistics | None = None, method: str = ""
) -> list[Headline]:
    """Return the headline of each experiment: first those in which something was trained, then in order of appearance.

    Args:
        rows: rows of results.
        probes: table with the columns of `probes.COLUMNS`; without the probes of a single fold nothing is tested in it.
        known: statistics that provide intervals and tests if the probes are missing.
        method: method to compare with direct transfer; empty: that of `most_prominent`.
    """
    first: dict[Experiment, list[ResultsRow]] = {}
    for block in comparable(rows, method):
        first.setdefault(Experiment.of(block[0]), block)
    blocks = sorted(first.values(), key=lambda block: all(trains_nothing(row.method) for row in block))
    return [headline_of(block, probes, known or Statistics(), method) for block in blocks]


def headline_of(rows: Sequence[ResultsRow], probes: pd.DataFrame, known: Statistics, method: str = "") -> Headline:
    """Return the headline of one block of `comparable`."""
    summaries = summarise(rows)
    methods = {each.method for each in summaries}
    about = method if method in methods else most_prominent(methods)
    pairs = [(about, "direct")]
    if own := statistics_of(about):
        pairs.append((about, own))
    elif both := [each for each in summaries if each.method in STATISTICS and with_part(about, each.method) in methods]:
        statistics = max(both, key=rank_1).method
        pairs.append((with_part(about, statistics), statistics))
    comparisons = [
        each
        for ours, baseline in pairs
        if ours != baseline
        for each in compare(rows, ours, baseline)
        if baseline in methods
    ]
    best = comparison_of(highest(summaries, untrained=False), rows)
    tested = {*comparisons, *([best] if best else [])}
    return Headline(
        rows,
        summaries,
        comparisons,
        best,
        intervals_of(rows, spoken_of(comparisons, summaries), probes, known),
        {each: p for each in tested if (p := p_of(each, rows, probes, known)) is not None},
    )


def comparison_of(summary: Summary | None, rows: Sequence[ResultsRow]) -> MethodComparison | None:
    """Compare a row with its baseline; None if `rows` has none."""
    found = compare(rows, summary.method, baseline_of(summary.method)) if summary else []
    return next((each for each in found if summary and each.variant == summary.variant), None)


def found_in_words(title: str, rate: float, probes: int) -> str:
    """Describe the rank-1 of a method, `rate` in percent, over a number of probes."""
    return f"{title} finds the right person first for {rate:.1f} % of {probes:,} probes"


def difference(comparison: MethodComparison) -> str:
    """Describe the difference of a method from its baseline, such as `2.0 points more than AdaBN (20.1 %)`."""
    points = round(comparison.rank_1 - comparison.baseline_rank_1, 1)
    baseline = name_of(comparison.baseline)
    if not points:
        return f"the same as {baseline}"
    more = "more" if points > 0 else "less"
    return f"{abs(points):.1f} points {more} than {baseline} ({comparison.baseline_rank_1:.1f} %)"


def spoken_of(comparisons: Sequence[MethodComparison], summaries: Sequence[Summary]) -> set[str]:
    """Return the methods that sentences name."""
    best = [highest(summaries, untrained=free) for free in (True, False)]
    compared = {name for each in comparisons for name in (each.method, each.baseline)}
    alone = set() if comparisons else {most_prominent({each.method for each in summaries})}
    return compared | alone | {each.method for each in best if each}


def intervals_of(
    rows: Sequence[ResultsRow], methods: Collection[str], probes: pd.DataFrame, known: Statistics
) -> dict[tuple[str, str], Interval]:
    """Return intervals of rank-1 by method and variant: from the rows and probes, else those known of these rows."""
    computed = intervals([row for row in rows if row.method in methods], probes, RESAMPLES, seed=0)
    experiment = Experiment.of(rows[0])
    return {
        (each.method, each.variant): each
        for each in (*known.intervals, *computed)
        if each.rate == "rank-1" and each.experiment == experiment and fits(each, rows)
    }


def p_of(
    comparison: MethodComparison, rows: Sequence[ResultsRow], probes: pd.DataFrame, known: Statistics
) -> float | None:
    """Return the p-value of the difference in rank-1; None if it is unknown."""
    method, baseline = comparison.method, comparison.baseline
    computed = tests_against(rows, probes, method, baseline, resamples=RESAMPLES, seed=0)
    about = (comparison.experiment, comparison.variant, method, baseline, "rank-1")
    return next(
        (
            each.p
            for each in (*computed, *known.tests)
            if (each.experiment, each.variant, each.method, each.baseline, each.rate) == about and fits(each, rows)
        ),
        None,
    )


def fits(each: Interval | PairedTest, rows: Sequence[ResultsRow]) -> bool:
    """Tell whether an interval or a test has as many folds, or probes of a fold, and seeds as `rows`."""
    folds, seeds = ({getattr(row, name) for row in rows} for name in ("fold", "seed"))
    over = ("folds", len(folds)) if len(folds) > 1 else ("probes", probes_of(rows))
    return (each.over, each.count, each.seeds) == (*over, len(seeds))


def probes_of(rows: Sequence[ResultsRow]) -> int:
    """Return the number of probes in all folds."""
    return sum({row.fold: row.probes for row in rows}.values())


def highest(summaries: Sequence[Summary], *, untrained: bool) -> Summary | None:
    """Return the summary with the highest rank-1, of those that train nothing or of the others."""
    some = [each for each in summaries if trains_nothing(each.method) is untrained]
    return max(some, key=rank_1, default=None)


def rank_1(summary: Summary) -> float:
    """Return the mean rank-1 in percent."""
    return float(summary.mean["rank-1"])


def named(summary: Summary) -> str:
    """Return a method's name inside a sentence."""
    return name_of(summary.method, summary.variant)
