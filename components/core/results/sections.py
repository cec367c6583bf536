"""One experiment on a page of results: its tables, its findings in words, and its provenance."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from simpgan.components.core.results.headlines import Sentence, fits, headline_of, headlines, named, rank_1
from simpgan.components.core.results.intervals import Interval, intervals
from simpgan.components.core.results.layout import BASELINES, TableGroup, ablations, main_rows
from simpgan.components.core.results.methods import joins
from simpgan.components.core.results.paper import PUBLISHED_FOLDS, order_in_words, paper_figures, published_figures
from simpgan.components.core.results.probes import no_probes
from simpgan.components.core.results.rows import OWN_CAMERA_COUNTS, ResultsRow
from simpgan.components.core.results.significance import PairedTest, above_by_more_than_chance, signed
from simpgan.components.core.results.statistics import RESAMPLES, Statistics
from simpgan.components.core.results.summary import Experiment, Summary, comparable, folds_in_words, summarise

SEES_TESTED = ("all250",)
"""Protocols in which the unlabelled training images show the tested people."""

PROTOCOLS = {
    "folds10": "No training has seen an image of a tested person.",
    "all250": "As in the paper, the GAN's unlabelled images include the tested ones.",
}


@dataclass(frozen=True)
class Table:
    """Methods of one experiment that were measured in the same folds and seeds.

    Attributes:
        experiment: the experiment.
        scope: these folds and seeds, in words.
        rows: rows of all these folds and seeds.
        summaries: one per method, in the order of `METHODS`.
        intervals: intervals of the methods that have one.
        findings: sentences, the most important first.
    """

    experiment: Experiment
    scope: str
    rows: Sequence[ResultsRow]
    summaries: Sequence[Summary]
    intervals: Sequence[Interval]
    findings: Sequence[Sentence]

    @property
    def title(self) -> str:
        """Return the title of the table."""
        return f"{self.experiment.title}: {self.scope}"

    @property
    def protocol_and_folds(self) -> str:
        """Return the protocol and the folds, such as `folds10, 10 folds`."""
        return f"{self.experiment.protocol}, {folds_in_words(self.rows)}"

    @property
    def about(self) -> str:
        """Describe the protocol, and the numbers of probes and gallery images."""
        first = self.summaries[0]
        searched = f"{first.probes} probes, {first.gallery} gallery images{' per fold' if first.folds > 1 else ''}."
        rule = "" if all(row.across_cameras for row in self.rows) else OWN_CAMERA_COUNTS
        return f"{PROTOCOLS.get(self.experiment.protocol, '')} {searched} {rule}".strip()

    @property
    def main(self) -> list[Summary]:
        """Return the rows of the first page."""
        return main_rows(self.summaries)

    @property
    def ablations(self) -> list[TableGroup]:
        """Return all other rows, by the question that they answer."""
        return ablations(self.summaries)

    @property
    def provenance(self) -> dict[str, str]:
        """Return the provenance of the rows."""
        return provenance(self.rows)

    @property
    def hardware(self) -> str:
        """Return the hardware of the rows."""
        return self.provenance.get("hardware", "unknown hardware")

    @property
    def commands(self) -> list[str]:
        """Return the commands that made the rows."""
        return sorted({row.command for row in self.rows if row.command})

    def interval(self, summary: Summary, rate: str) -> Interval | None:
        """Return the confidence interval of a method's rate; None if it is unknown."""
        found = (
            each
            for each in self.intervals
            if (each.method, each.variant, each.rate) == (summary.method, summary.variant, rate)
        )
        return next(found, None)


@dataclass(frozen=True)
class Section:
    """One experiment: tables of comparable rows, the headline's first, and the paired tests of all methods."""

    experiment: Experiment
    tables: Sequence[Table]
    tests: Sequence[PairedTest]


def sections(rows: Sequence[ResultsRow], statistics: Statistics, probes: pd.DataFrame | None = None) -> list[Section]:
    """Return one section per experiment: first those in which something was trained, then in order of appearance.

    Args:
        rows: rows of results.
        statistics: statistics of these rows.
        probes: available probes, with the columns of `probes.COLUMNS`.
    """
    at_hand = no_probes() if probes is None else probes
    made = []
    for experiment in (headline.experiment for headline in headlines(rows, at_hand, statistics)):
        blocks = comparable([row for row in rows if Experiment.of(row) == experiment])
        most_folds = max(len({row.fold for row in block}) for block in blocks)
        tables = [table_of(block, at_hand, statistics, most_folds) for block in blocks]
        tests = [each for each in statistics.tests if each.experiment == experiment]
        made.append(Section(experiment, tables, tests))
    return made


def table_of(rows: Sequence[ResultsRow], probes: pd.DataFrame, statistics: Statistics, most_folds: int) -> Table:
    """Return the table of one block of `comparable`.

    Args:
        rows: the block.
        probes: available probes, with the columns of `probes.COLUMNS`.
        statistics: statistics of the rows.
        most_folds: largest number of folds in which a method of the experiment was measured; only tables with as many
            folds are compared with later work.
    """
    summaries = summarise(rows)
    experiment = summaries[0].experiment
    known = [each for each in statistics.intervals if each.experiment == experiment and fits(each, rows)]
    having = {(each.method, each.variant) for each in known}
    lacking = [row for row in rows if (row.method, row.variant) not in having]
    tests = [each for each in statistics.tests if each.experiment == experiment and fits(each, rows)]
    chance = [text for baseline in BASELINES for text in above_by_more_than_chance(tests, baseline)]
    others = [*order_in_words(summaries), *beside_paper(summaries)]
    if summaries[0].folds == most_folds:
        others += beside_later_work(summaries)
    findings = [*headline_of(rows, probes, statistics).findings, *(Sentence(text, "") for text in [*chance, *others])]
    return Table(
        experiment,
        scope_in_words(rows),
        rows,
        summaries,
        [*known, *intervals(lacking, probes, RESAMPLES, seed=0)],
        findings,
    )


def scope_in_words(rows: Sequence[ResultsRow]) -> str:
    """Describe folds and seeds, such as `fold 0, 3 seeds`."""
    seeds = len({row.seed for row in rows})
    return folds_in_words(rows) + (f", {seeds} seeds" if seeds > 1 else "")


def beside_paper(summaries: Sequence[Summary]) -> list[str]:
    """Compare SimPGAN and the best row with the paper's SimPGAN."""
    simpgan = next((each for each in summaries if each.method == "simpgan" and paper_figures(each)), None)
    if not simpgan:
        return []
    paper, best = paper_figures(simpgan)["rank-1"], max(summaries, key=rank_1)
    others = f", and {named(best)}, the best row, by {signed(rank_1(best) - paper)}" if best is not simpgan else ""
    return [
        f"The paper's SimPGAN has {paper:.1f} % rank-1; SimPGAN here differs by {signed(rank_1(simpgan) - paper)} "
        f"points{others}"
    ]


def beside_later_work(summaries: Sequence[Summary]) -> list[str]:
    """Compare the best row of this source alone with later published results for this transfer."""
    others = published_figures(summaries[0].experiment)
    alone = [each for each in summaries if not joins(each.method)]
    if not others or not alone:
        return []
    listed = ", ".join(f"{each.name} {each.rank_1:.1f} / {each.mAP:.1f}" for each in others)
    highest, best = others[-1], max(alone, key=rank_1)
    rates = f"{rank_1(best):.1f} / {best.mean['mAP']:.1f}"
    differences = f"{signed(rank_1(best) - highest.rank_1)} / {signed(best.mean['mAP'] - highest.mAP)}"
    return [
        f"Published results over {PUBLISHED_FOLDS} folds for training on this source alone (rank-1 / mAP): {listed}",
        f"The best row of this source alone, {named(best)}, has {rates}, which differs from {highest.name} by "
        f"{differences} points",
    ]


def provenance(rows: Sequence[ResultsRow]) -> dict[str, str]:
    """Return how rows were made: preset, seeds, steps of trainings on the target, hardware, dates and commits."""
    dates = sorted({row.date for row in rows if row.date})
    found = {
        "preset": sorted({row.preset or "none (the defaults)" for row in rows}),
        "seeds": [str(seed) for seed in sorted({row.seed for row in rows})],
        "steps": [str(steps) for steps in sorted({row.steps for row in rows if row.steps})],
        "hardware": sorted({row.hardware for row in rows if row.hardware}),
        "date": [" to ".join(dict.fromkeys([dates[0], dates[-1]]))] if dates else [],
        "commit": sorted({row.commit for row in rows if row.commit}),
    }
    return {name: ", ".join(values) for name, values in found.items() if values}
