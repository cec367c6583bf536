"""Bootstrap confidence intervals of mean rates."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from simpgan.components.core.results.rows import CUTOFFS, KEY, RATES, ResultsRow
from simpgan.components.core.results.summary import EXPERIMENT, Experiment, frame_of

CONFIDENCE = 0.95


class Interval(BaseModel):
    """The 95 % confidence interval of a method's mean rate; percent, 0..100.

    Over several folds it is the interval of the folds' means; in a single fold, of the probes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: Experiment
    method: str
    variant: str
    rate: str = Field(description="of RATES; mINP only over folds")
    mean: float
    low: float
    high: float
    over: str = Field(description="folds or probes: what was drawn again and again")
    count: int = Field(description="of folds or probes")
    seeds: int = Field(description="that were averaged first")


def intervals(rows: Sequence[ResultsRow], probes: pd.DataFrame, resamples: int, seed: int) -> list[Interval]:
    """Compute the intervals of every method and rate that has several folds, or a single fold and its probes.

    Args:
        rows: rows of results.
        probes: table with the columns of `probes.COLUMNS`; methods whose probes are missing have no interval.
        resamples: number of draws of folds or probes with replacement.
        seed: seed of the draws.
    """
    if not rows:
        return []
    found = []
    for (*experiment, method, variant), group in frame_of(rows).groupby([*EXPERIMENT, "method", "variant"], sort=False):
        over = "folds" if group["fold"].nunique() > 1 else "probes"
        values = group.groupby("fold")[RATES].mean() if over == "folds" else rates_of_probes(group, probes)
        if len(values) < 2:
            continue
        low, high = bootstrap(values.to_numpy(), resamples, seed)
        found += [
            Interval(
                experiment=Experiment(*experiment),
                method=method,
                variant=variant,
                rate=rate,
                mean=values[rate].mean(),
                low=low[place],
                high=high[place],
                over=over,
                count=len(values),
                seeds=group["seed"].nunique(),
            )
            for place, rate in enumerate(values.columns)
        ]
    return found


def rates_of_probes(rows: pd.DataFrame, probes: pd.DataFrame) -> pd.DataFrame:
    """Return the rates of every probe in one fold in percent, averaged over seeds.

    Rank-k is 0 or 100 for each seed, mAP the probe's average precision. Empty unless the probes of all `rows` are
    there. Probes without a correct match are left out.
    """
    of_rows = probes.merge(rows[KEY], on=KEY)
    if len(of_rows[KEY].drop_duplicates()) < len(rows):
        return pd.DataFrame()
    counted = with_rates(of_rows)
    return counted.groupby("probe")[[*CUTOFFS, "mAP"]].mean()


def with_rates(probes: pd.DataFrame) -> pd.DataFrame:
    """Return the probes that count, with columns rank-1 ... rank-20 (0 or 100) and mAP (0..100)."""
    counted = probes[probes["first_rank"] > 0]
    hits = {rate: 100.0 * (counted["first_rank"] <= cutoff) for rate, cutoff in CUTOFFS.items()}
    return counted.assign(**hits, mAP=100 * counted["average_precision"])


def bootstrap(values: NDArray[np.float64], resamples: int, seed: int) -> tuple[list[float], list[float]]:
    """Return the ends of the percentile intervals of the means of `values` [N, R] along its first axis, each [R]."""
    from scipy import stats

    interval = stats.bootstrap(
        (values,),
        np.mean,
        axis=0,
        n_resamples=resamples,
        batch=500,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return interval.low.tolist(), interval.high.tolist()
