"""What others published: the paper's Table 1, and later figures for one of its transfers."""

from collections.abc import Sequence
from dataclasses import dataclass

from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.results.summary import Comparison, Experiment, Summary, compare

PAPER_PROTOCOL = "all250"
"""All figures of Table 1 are multiples of 1/250: it was almost surely made by this protocol, and by no other
are they comparable."""

PAPER_RATES = ("rank-1", "rank-5", "rank-10")

TABLE_1 = {
    ("market1501", "grid"): {
        "umdl": (3.77, 7.76, 9.71),
        "direct": (9.60, 21.20, 28.40),
        "gan": (4.40, 10.80, 15.20),
        "simpgan": (18.00, 34.40, 43.20),
    },
    ("cuhk01", "grid"): {
        "umdl": (3.58, 7.56, 9.50),
        "direct": (3.60, 7.20, 9.20),
        "gan": (2.40, 6.40, 11.60),
        "simpgan": (13.20, 24.40, 32.40),
    },
}
"""Lv and Wang 2018, Table 1: by source and target, method to `PAPER_RATES` in percent."""


@dataclass(frozen=True)
class Published:
    """Figures that others published for one source, target and protocol, in percent."""

    name: str
    rank_1: float
    mAP: float


PUBLISHED = {
    ("market1501", "grid", "folds10"): [
        Published("OSNet, direct", 24.5, 33.3),
        Published("MixStyle", 24.8, 33.8),
        Published("EFDMix", 26.7, 35.5),
        Published("EFDMix + PBN", 28.0, 37.0),
    ]
}
"""By source, target and protocol; each trained on that one source, without any image of the target."""

PUBLISHED_FOLDS = "ten"
"""Over which `PUBLISHED` are means."""


def paper_figures(summary: Summary) -> dict[str, float]:
    """The paper's figures for a method, by rate; empty where it has none that could be compared."""
    experiment = summary.experiment
    if experiment.protocol != PAPER_PROTOCOL or summary.variant:
        return {}
    figures = TABLE_1.get((experiment.source, experiment.target), {}).get(summary.method)
    return dict(zip(PAPER_RATES, figures, strict=True)) if figures else {}


def published_figures(experiment: Experiment) -> Sequence[Published]:
    """Later figures of others for an experiment, from the lowest to the highest."""
    return PUBLISHED.get((experiment.source, experiment.target, experiment.protocol), [])


def order_in_words(rows: Sequence[ResultsRow]) -> list[str]:
    """Whether the paper's order holds, GAN below and SimPGAN above direct transfer: a sentence an experiment."""
    gans = {each.experiment: each for each in compare(rows, "gan") if not each.variant}
    simpgans = {each.experiment: each for each in compare(rows, "simpgan") if not each.variant}
    return [order_of(gans[each], simpgans[each]) for each in gans if each in simpgans]


def order_of(gan: Comparison, simpgan: Comparison) -> str:
    """`order_in_words` of one experiment, without a full stop at the end."""
    as_in_paper = gan.rank_1 < gan.baseline_rank_1, simpgan.rank_1 > simpgan.baseline_rank_1
    parts = [
        f"{name} is {relation(each)} direct transfer ({each.rank_1:.1f} against {each.baseline_rank_1:.1f} rank-1)"
        + ("" if all(as_in_paper) else ", as in the paper" if holds else ", unlike in the paper")
        for name, each, holds in zip(("GAN", "SimPGAN"), (gan, simpgan), as_in_paper, strict=True)
    ]
    verdict = "The paper's order holds" if all(as_in_paper) else "The paper's order does not hold"
    return f"{verdict} in the means: {parts[0]}, and {parts[1]}"


def relation(comparison: Comparison) -> str:
    """Where the method stands to its baseline."""
    if comparison.rank_1 == comparison.baseline_rank_1:
        return "level with"
    return "above" if comparison.rank_1 > comparison.baseline_rank_1 else "below"
