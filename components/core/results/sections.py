"""What a page of results shows of one experiment: its table, what it says in words, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from simpgan.components.core.results.headlines import Sentence, fits, headlines, named, rank_1
from simpgan.components.core.results.intervals import Interval, intervals
from simpgan.components.core.results.paper import PUBLISHED_FOLDS, order_in_words, paper_figures, published_figures
from simpgan.components.core.results.probes import no_probes
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.results.significance import in_words, signed
from simpgan.components.core.results.statistics import RESAMPLES, Statistics
from simpgan.components.core.results.summary import Experiment, Summary, comparable, folds_in_words, summarise

PROTOCOLS = {
    "folds10": "ten folds; no image of a person who is tested was seen in any training",
    "all250": "one split; as in the paper, the GAN's unlabelled images include those that are tested",
}


@dataclass(frozen=True)
class Table:
    """Methods of one experiment that were measured in the same folds and seeds.

    Attributes:
        title: which folds and seeds these are.
        summaries: a method each, in the order methods are listed in.
        intervals: of the methods that have one.
    """

    title: str
    summaries: Sequence[Summary]
    intervals: Sequence[Interval] = ()

    @property
    def beside_paper(self) -> bool:
        """Whether the paper has figures for any of the methods."""
        return any(paper_figures(summary) for summary in self.summaries)

    def interval(self, summary: Summary, rate: str) -> Interval | None:
        """The confidence interval of a method's rate."""
        found = (
            each
            for each in self.intervals
            if (each.method, each.variant, each.rate) == (summary.method, summary.variant, rate)
        )
        return next(found, None)

    def is_best(self, summary: Summary, rate: str) -> bool:
        """Whether a rate is the highest of several methods."""
        highest = max(each.mean[rate] for each in self.summaries)
        return len(self.summaries) > 1 and bool(summary.mean[rate] == highest)


@dataclass(frozen=True)
class Section:
    """One experiment.

    Attributes:
        tables: what can be compared with one another, each in a table of its own; the headline's first.
        headline: sentences, the most important first.
        claims: sentences without a full stop: paired tests, the paper's order, the figures of others.
        provenance: what the numbers were made with, name to value.
        commands: that made them.
    """

    experiment: Experiment
    tables: Sequence[Table]
    headline: Sequence[Sentence]
    claims: Sequence[str]
    provenance: dict[str, str]
    commands: Sequence[str]

    @property
    def about(self) -> str:
        """What the protocol asks."""
        return PROTOCOLS.get(self.experiment.protocol, "")


def sections(rows: Sequence[ResultsRow], statistics: Statistics, probes: pd.DataFrame | None = None) -> list[Section]:
    """One section an experiment, in order of appearance.

    Args:
        rows: of the results.
        statistics: of these rows.
        probes: with the columns of `probes.COLUMNS`, as far as they are at hand.
    """
    at_hand = no_probes() if probes is None else probes
    made = []
    for headline in headlines(rows, at_hand, statistics):
        own = [row for row in rows if Experiment.of(row) == headline.experiment]
        tables = [table_of(block, at_hand, statistics) for block in comparable(own)]
        made.append(
            Section(
                headline.experiment,
                tables,
                headline.sentences,
                claims(headline.experiment, tables, own, statistics),
                provenance(own),
                sorted({row.command for row in own if row.command}),
            )
        )
    return made


def table_of(rows: Sequence[ResultsRow], probes: pd.DataFrame, statistics: Statistics) -> Table:
    """The table of one block of `comparable`."""
    summaries = summarise(rows)
    known = [each for each in statistics.intervals if each.experiment == summaries[0].experiment and fits(each, rows)]
    having = {(each.method, each.variant) for each in known}
    lacking = [row for row in rows if (row.method, row.variant) not in having]
    return Table(scope_in_words(rows), summaries, [*known, *intervals(lacking, probes, RESAMPLES, seed=0)])


def scope_in_words(rows: Sequence[ResultsRow]) -> str:
    """Folds and seeds, such as `Fold 0, 3 seeds`."""
    seeds = len({row.seed for row in rows})
    said = folds_in_words(rows) + (f", {seeds} seeds" if seeds > 1 else "")
    return said[:1].upper() + said[1:]


def claims(
    experiment: Experiment, tables: Sequence[Table], rows: Sequence[ResultsRow], statistics: Statistics
) -> list[str]:
    """What an experiment says in sentences without a full stop."""
    tests = [each for each in statistics.tests if each.experiment == experiment]
    sentences = [
        in_words(list(group)) for _, group in groupby(tests, lambda each: (each.method, each.variant, each.baseline))
    ]
    return [*sentences, *order_in_words(rows), *beside_others(experiment, tables)]


def beside_others(experiment: Experiment, tables: Sequence[Table]) -> list[str]:
    """The best method here beside the paper's SimPGAN, and beside what others published later over all folds."""
    sentences = []
    first = tables[0]
    best = max(first.summaries, key=rank_1)
    simpgan = next((each for each in first.summaries if each.method == "simpgan" and paper_figures(each)), None)
    if simpgan:
        paper = paper_figures(simpgan)["rank-1"]
        sentences.append(
            f"The paper's SimPGAN has {paper:.1f} rank-1; ours differs by {signed(rank_1(simpgan) - paper)} points, "
            f"the best row here, {named(best)}, by {signed(rank_1(best) - paper)}"
        )
    if others := published_figures(experiment):
        listed = "; ".join(f"{each.name} {each.rank_1:.1f} / {each.mAP:.1f}" for each in others)
        highest = others[-1]
        most = max(tables, key=lambda table: table.summaries[0].folds)
        best = max(most.summaries, key=rank_1)
        sentences.append(
            f"Published for this protocol with this one source, over {PUBLISHED_FOLDS} folds, rank-1 / mAP: {listed}; "
            f"the best row here, {named(best)} ({most.title[:1].lower()}{most.title[1:]}), has {rank_1(best):.1f} / "
            f"{best.mean['mAP']:.1f}, {signed(rank_1(best) - highest.rank_1)} / "
            f"{signed(best.mean['mAP'] - highest.mAP)} points from {highest.name}"
        )
    return sentences


def differences(summary: Summary) -> dict[str, float]:
    """Percentage points between a method and the paper's figures for it, by rate; empty where it has none."""
    return {rate: float(summary.mean[rate]) - figure for rate, figure in paper_figures(summary).items()}


def provenance(rows: Sequence[ResultsRow]) -> dict[str, str]:
    """What rows were made with: preset, seeds, steps of the GANs, hardware, days and commits."""
    dates = sorted({row.date for row in rows if row.date})
    found = {
        "preset": sorted({row.preset or "none (the defaults)" for row in rows}),
        "seeds": [str(seed) for seed in sorted({row.seed for row in rows})],
        "GAN steps": [str(steps) for steps in sorted({row.steps for row in rows if row.steps})],
        "hardware": sorted({row.hardware for row in rows if row.hardware}),
        "date": [" to ".join(dict.fromkeys([dates[0], dates[-1]]))] if dates else [],
        "commit": sorted({row.commit for row in rows if row.commit}),
    }
    return {name: ", ".join(values) for name, values in found.items() if values}
