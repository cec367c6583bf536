"""Paired permutation tests of a method against its baseline."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from simpgan.components.core.results.intervals import with_rates
from simpgan.components.core.results.methods import baselines_of, name_of, place
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.results.summary import EXPERIMENT, Experiment, frame_of, paired

TESTED = ("rank-1", "mAP")
CHANCE = 0.05
"""Differences with a smaller p-value are called more than chance."""
RUN = [*EXPERIMENT, "variant", "fold", "seed"]


class PairedTest(BaseModel):
    """A method against its baseline in one rate and experiment, on the folds, seeds and probes that both have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: Experiment
    method: str
    variant: str
    baseline: str
    rate: str = Field(description="rank-1 or mAP")
    value: float = Field(description="mean of the method, percent")
    baseline_value: float = Field(description="mean of the baseline, percent")
    p: float = Field(ge=0, le=1, description="how often chance alone would differ at least as much, either way")
    over: str = Field(description="folds or probes: whose differences changed signs")
    count: int = Field(description="of folds or probes")
    seeds: int = Field(description="that were averaged first")

    @property
    def gain(self) -> float:
        """Return the percentage points above the baseline."""
        return self.value - self.baseline_value


def paired_tests(rows: Sequence[ResultsRow], probes: pd.DataFrame, resamples: int, seed: int) -> list[PairedTest]:
    """Test every method against its baselines (`baselines_of`), in each experiment that has both.

    Args:
        rows: rows of results.
        probes: table with the columns of `probes.COLUMNS`; without the probes of a single fold there is no test of it.
        resamples: number of random sign changes; if there are fewer in all, all are tried.
        seed: seed of the draws.
    """
    methods = sorted({row.method for row in rows}, key=place)
    return [
        test
        for method in methods
        for baseline in baselines_of(method)
        for test in tests_against(rows, probes, method, baseline, resamples=resamples, seed=seed)
    ]


def tests_against(
    rows: Sequence[ResultsRow], probes: pd.DataFrame, method: str, baseline: str, *, resamples: int, seed: int
) -> list[PairedTest]:
    """Test a method against a baseline, in each experiment that has both; see `paired_tests`."""
    tests: list[PairedTest] = []
    by_fold = paired(frame_of(rows), method, baseline, ["fold", "seed"])
    by_probe = paired(with_rates(probes), method, baseline, ["fold", "seed", "probe"])
    for (*experiment, variant), runs in by_fold.groupby([*EXPERIMENT, "variant"], sort=False):
        if runs["fold"].nunique() > 1:
            over, pairs = "fold", runs
        else:
            over, pairs = "probe", by_probe.merge(runs[RUN], on=RUN)
            if pairs["seed"].nunique() < runs["seed"].nunique():
                continue
        means = pairs.groupby(over)[[*TESTED, *(f"{rate} of baseline" for rate in TESTED)]].mean()
        tests += [
            PairedTest(
                experiment=Experiment(*experiment),
                method=method,
                variant=variant,
                baseline=baseline,
                rate=rate,
                value=means[rate].mean(),
                baseline_value=means[f"{rate} of baseline"].mean(),
                p=sign_flip_p((means[rate] - means[f"{rate} of baseline"]).to_numpy(), resamples, seed),
                over=f"{over}s",
                count=len(means),
                seeds=pairs["seed"].nunique(),
            )
            for rate in TESTED
        ]
    return tests


def sign_flip_p(differences: NDArray[np.float64], resamples: int, seed: int) -> float:
    """Compute the two-sided p-value of the mean of paired `differences` [N].

    If both methods were alike, each difference could have either sign. Exact, over all 2^N signs, if those are at most
    `resamples`; else over so many random ones.
    """
    from scipy import stats

    test = stats.permutation_test(
        (differences, np.zeros_like(differences)),
        lambda ours, theirs, axis: np.mean(ours - theirs, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=500,
        rng=seed,
    )
    return float(test.pvalue)


def above_by_more_than_chance(tests: Sequence[PairedTest], baseline: str) -> list[str]:
    """Name the methods whose rank-1 is above a baseline's, in one sentence; empty if nothing was tested against it."""
    tested = [test for test in tests if test.baseline == baseline and test.rate == "rank-1"]
    if not tested:
        return []
    above = [
        f"{name_of(test.method, test.variant)} ({signed(test.gain)} points, {p_in_words(test.p)})"
        for test in tested
        if test.gain > 0 and test.p < CHANCE
    ]
    count = f"{len(above) or 'None'} of {len(tested)} rows tested against {name_of(baseline)}"
    verb = "are" if len(above) > 1 else "is"
    return [f"{count} {verb} above it by more than chance" + (f": {', '.join(above)}" if above else "")]


def p_in_words(p: float) -> str:
    """Return a p-value inside a sentence."""
    return f"p {shown_p(p)}" if p < 0.001 else f"p = {shown_p(p)}"


def shown_p(p: float) -> str:
    """Return a p-value for a table."""
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def signed(points: float) -> str:
    """Return percentage points with their sign; a typographic minus."""
    return f"{points:+.1f}".replace("-", "−")


def exact_sign_flip_p(differences: NDArray[np.int64]) -> float:
    """Compute `sign_flip_p` of whole numbers [N] over all 2^N signs, however many those are.

    The distribution of the sum is built up difference by difference, so p can be arbitrarily small, as corrections for
    many comparisons need. If every difference is one probe found or missed, this is McNemar's exact test.
    """
    sizes = np.abs(differences[differences != 0])
    reach = int(sizes.sum())
    chances = np.zeros(2 * reach + 1)  # of the sums -reach ... reach
    chances[reach] = 1
    for size in sizes:
        chances = (np.roll(chances, size) + np.roll(chances, -size)) / 2
    distance = np.abs(np.arange(-reach, reach + 1))
    return float(min(1.0, chances[distance >= abs(int(differences.sum()))].sum()))


def corrected(p: Sequence[float], tests: int) -> list[float]:
    """Apply Holm's correction to some of `tests` tests that were made at once; the others may be left out.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
    """
    adjusted = [0.0] * len(p)
    highest = 0.0
    for smaller, which in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        highest = max(highest, min(1.0, p[which] * (tests - smaller)))
        adjusted[which] = highest
    return adjusted
