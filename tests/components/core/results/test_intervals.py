"""Bootstrap confidence intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simpgan.components.core.results.intervals import bootstrap, intervals
from simpgan.components.core.results.probes import no_probes
from tests.components.core.results.made_up import ranked, row, together


def interval_of(found, rate):
    [interval] = [each for each in found if each.rate == rate]
    return interval


def test_over_folds_seeds_are_averaged_first_and_folds_are_drawn():
    rates = [[10.0, 14.0], [20.0, 22.0], [6.0, 10.0]]
    rows = [row(rank_1=rate, fold=fold, seed=seed) for fold, each in enumerate(rates) for seed, rate in enumerate(each)]
    interval = interval_of(intervals(rows, no_probes(), 9999, seed=1), "rank-1")
    # Of the 27 draws of the means 12, 21 and 8 the one of 8, 8, 8 has 3.7 %, more than the 2.5 % below the interval.
    assert (interval.mean, interval.low, interval.high) == (pytest.approx(41 / 3), 8, 21)
    assert (interval.over, interval.count, interval.seeds) == ("folds", 3, 2)


def test_the_ends_are_those_of_scipy():
    values = np.random.default_rng(0).normal(20, 5, (10, 2))
    low, high = bootstrap(values, 9999, seed=0)
    for column in range(2):
        independent = stats.bootstrap((values[:, column],), np.mean, method="percentile", rng=7).confidence_interval
        assert low[column] == pytest.approx(independent.low, abs=0.15)
        assert high[column] == pytest.approx(independent.high, abs=0.15)


def test_in_one_fold_probes_are_drawn():
    rows, probes = together(ranked("direct", [1, 1, 4, 30] * 25))
    found = intervals(rows, probes, 9999, seed=0)
    at_once = interval_of(found, "rank-1")
    assert (at_once.mean, at_once.over, at_once.count) == (50.0, "probes", 100)
    ends = stats.binom.ppf([0.025, 0.975], 100, 0.5)  # a resample's mean is a binomial
    assert (at_once.low, at_once.high) == pytest.approx(tuple(ends), abs=1)
    assert interval_of(found, "rank-5").mean == 75.0
    assert interval_of(found, "rank-20").mean == 75.0
    assert interval_of(found, "mAP").mean == pytest.approx(100 * (1 + 1 + 1 / 4 + 1 / 30) / 4)
    assert "mINP" not in {each.rate for each in found}


def test_in_one_fold_a_probes_seeds_are_averaged_first():
    # Every probe is found by one of two seeds: no probe is luckier than another, and the mean is certain.
    rows, probes = together(ranked("direct", [1, 2, 1, 2], seed=0), ranked("direct", [2, 1, 2, 1], seed=1))
    interval = interval_of(intervals(rows, probes, 99, seed=0), "rank-1")
    assert (interval.low, interval.mean, interval.high, interval.seeds) == (50, 50, 50, 2)


def test_probes_that_were_left_out_do_not_count():
    rows, probes = together(ranked("direct", [1, 0, 0, 1]))
    interval = interval_of(intervals(rows, probes, 99, seed=0), "rank-1")
    assert (interval.mean, interval.count) == (100, 2)


def test_there_is_no_interval_without_the_probes_of_all_seeds():
    rows, probes = together(ranked("direct", [1, 2]), ranked("direct", [1, 1], seed=1))
    assert intervals(rows, probes[probes["seed"] == 0], 99, seed=0) == []
    assert intervals(rows, no_probes(), 99, seed=0) == []
    assert intervals([], no_probes(), 99, seed=0) == []


@settings(deadline=None, max_examples=15)
@given(st.lists(st.floats(0, 100), min_size=2, max_size=10), st.integers(0, 100))
def test_an_interval_holds_its_mean_and_comes_out_the_same_again(rates, seed):
    rows = [row(rank_1=rate, fold=fold) for fold, rate in enumerate(rates)]
    found = intervals(rows, no_probes(), 199, seed)
    interval = interval_of(found, "rank-1")
    assert min(rates) - 1e-9 <= interval.low <= interval.high + 1e-9 <= max(rates) + 2e-9
    assert intervals(rows[::-1], no_probes(), 199, seed)[0].mean == pytest.approx(interval.mean)
    assert intervals(rows, no_probes(), 199, seed) == found
