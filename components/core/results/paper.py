"""Published results: the paper's Table 1, and later results for one of its transfers."""

from collections.abc import Sequence
from dataclasses import dataclass

from simpgan.components.core.results.summary import Experiment, Summary

PAPER_PROTOCOL = "all250"
"""All figures of Table 1 are multiples of 1/250: they almost surely come from this protocol, and are comparable with no
other.
"""

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
    """Published figures for one source, target and protocol, in percent."""

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
"""The number of folds that `PUBLISHED` are means of."""


def paper_figures(summary: Summary) -> dict[str, float]:
    """Return the paper's figures for a method, by rate; empty if it has no comparable ones."""
    experiment = summary.experiment
    if experiment.protocol != PAPER_PROTOCOL or summary.variant:
        return {}
    figures = TABLE_1.get((experiment.source, experiment.target), {}).get(summary.method)
    return dict(zip(PAPER_RATES, figures, strict=True)) if figures else {}


def differences(summary: Summary) -> dict[str, float]:
    """Return a method's differences from the paper's figures for it, in points by rate; empty if it has none."""
    return {rate: float(summary.mean[rate]) - figure for rate, figure in paper_figures(summary).items()}


def published_figures(experiment: Experiment) -> Sequence[Published]:
    """Return later published figures for an experiment, from the lowest to the highest."""
    return PUBLISHED.get((experiment.source, experiment.target, experiment.protocol), [])


def order_in_words(summaries: Sequence[Summary]) -> list[str]:
    """Say whether the paper's order holds, in a sentence; empty unless all three methods were measured."""
    rates = {each.method: float(each.mean["rank-1"]) for each in summaries if not each.variant}
    if not {"gan", "direct", "simpgan"} <= set(rates):
        return []
    holds = rates["gan"] < rates["direct"] < rates["simpgan"]
    return [
        f"The paper's order, GAN below and SimPGAN above direct transfer, {'holds' if holds else 'does not hold'}: "
        f"GAN {rates['gan']:.1f} %, direct transfer {rates['direct']:.1f} %, SimPGAN {rates['simpgan']:.1f} % rank-1"
    ]
