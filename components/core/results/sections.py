"""What a page of results shows of one experiment: its table, what it says in words, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from components.core.results.intervals import Interval
from components.core.results.methods import name_of
from components.core.results.paper import order_in_words, paper_figures, published_figures
from components.core.results.rows import ResultsRow
from components.core.results.significance import in_words, signed
from components.core.results.statistics import Statistics
from components.core.results.summary import Experiment, Summary, summarise

PROTOCOLS = {
    "folds10": "ten folds; no image of a person who is tested was seen in any training",
    "all250": "one split; as in the paper, the GAN's unlabelled images include those that are tested",
}


@dataclass(frozen=True)
class Section:
    """One experiment.

    Attributes:
        summaries: a method each, in the order methods are listed in.
        intervals: of the methods that have one.
        claims: sentences without a full stop: paired tests, the paper's order, the figures of others.
        provenance: what the numbers were made with, name to value.
        commands: that made them.
    """

    experiment: Experiment
    summaries: Sequence[Summary]
    intervals: Sequence[Interval]
    claims: Sequence[str]
    provenance: dict[str, str]
    commands: Sequence[str]

    @property
    def about(self) -> str:
        """What the protocol asks."""
        return PROTOCOLS.get(self.experiment.protocol, "")

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

    @property
    def leader(self) -> str:
        """Which method is right at once most often, without a full stop at the end."""
        best = max(self.summaries, key=lambda summary: summary.mean["rank-1"])
        direct = next((each for each in self.summaries if each.method == "direct"), best)
        sentence = f"{best.title} finds the right person first for {best.mean['rank-1']:.1f} % of probes"
        return sentence if best is direct else f"{sentence}, direct transfer for {direct.mean['rank-1']:.1f} %"

    def best(self, rate: str) -> float:
        return max(summary.mean[rate] for summary in self.summaries)


def sections(rows: Sequence[ResultsRow], statistics: Statistics) -> list[Section]:
    """One section an experiment, in order of appearance."""
    summaries: dict[Experiment, list[Summary]] = {}
    for summary in summarise(rows):
        summaries.setdefault(summary.experiment, []).append(summary)
    return [
        Section(
            experiment,
            of_experiment,
            [each for each in statistics.intervals if each.experiment == experiment],
            claims(experiment, of_experiment, rows, statistics),
            provenance([row for row in rows if Experiment.of(row) == experiment]),
            sorted({row.command for row in rows if Experiment.of(row) == experiment and row.command}),
        )
        for experiment, of_experiment in summaries.items()
    ]


def claims(
    experiment: Experiment, summaries: Sequence[Summary], rows: Sequence[ResultsRow], statistics: Statistics
) -> list[str]:
    """What an experiment says in sentences without a full stop."""
    tests = [each for each in statistics.tests if each.experiment == experiment]
    sentences = [
        in_words(list(group)) for _, group in groupby(tests, lambda each: (each.method, each.variant, each.baseline))
    ]
    sentences += order_in_words([row for row in rows if Experiment.of(row) == experiment])
    return sentences + beside_others(experiment, summaries) + in_fewer_folds(summaries)


def in_fewer_folds(summaries: Sequence[Summary]) -> list[str]:
    """Which methods were asked less than others, so that lines of a table are not compared that cannot be."""
    most = max(summary.folds for summary in summaries)
    fewer = [f"{name_of(each.method, each.variant)} ({each.folds})" for each in summaries if each.folds < most]
    if not fewer:
        return []
    return [
        f"Measured in fewer folds than the {most} of others, so that their lines cannot be compared with those: "
        f"{', '.join(fewer)}"
    ]


def beside_others(experiment: Experiment, summaries: Sequence[Summary]) -> list[str]:
    """The best method here beside the paper's SimPGAN, and beside what others published later."""
    best = max(summaries, key=lambda summary: summary.mean["rank-1"])
    ours = f"the best row here, {name_of(best.method, best.variant)}"
    simpgan = next((each for each in summaries if each.method == "simpgan" and paper_figures(each)), None)
    sentences = []
    if simpgan:
        paper = paper_figures(simpgan)["rank-1"]
        sentences.append(
            f"The paper's SimPGAN has {paper:.1f} rank-1; ours differs by "
            f"{signed(simpgan.mean['rank-1'] - paper)} points, {ours}, by {signed(best.mean['rank-1'] - paper)}"
        )
    if others := published_figures(experiment):
        listed = "; ".join(f"{each.name} {each.rank_1:.1f} / {each.mAP:.1f}" for each in others)
        highest = others[-1]
        sentences.append(
            f"Published for this protocol with this one source, rank-1 / mAP: {listed}; {ours}, has "
            f"{best.mean['rank-1']:.1f} / {best.mean['mAP']:.1f}, {signed(best.mean['rank-1'] - highest.rank_1)} / "
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
