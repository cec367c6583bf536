"""CMC curves over the same probes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.core.results.curves import LAST_RANK, Draws, Tally
from tests.components.core.results.made_up import ranked, together


def tally(*first_ranks):
    """Of one evaluation a list of first ranks, each in a fold of its own."""
    _, probes = together(*(ranked("direct", ranks, fold=fold) for fold, ranks in enumerate(first_ranks)))
    return Tally.of(probes, sorted(probes["probe"].unique()))


def test_a_curve_by_hand():
    made = tally([1, 2, 4, 0])  # the last probe has no match and does not count
    assert made.asked.tolist() == [1, 1, 1, 0]
    assert made.means[:4] == pytest.approx([100 / 3, 200 / 3, 200 / 3, 100])
    assert made.means[LAST_RANK] == pytest.approx(100 * (1 + 1 / 2 + 1 / 4) / 3)


def test_a_probe_found_behind_the_last_rank_is_in_no_list():
    assert tally([LAST_RANK + 1, LAST_RANK]).means[LAST_RANK - 2 : LAST_RANK].tolist() == [0, 50]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 80), min_size=2, max_size=12), st.lists(st.integers(1, 80), min_size=2, max_size=12))
def test_the_curve_is_that_of_all_folds_together(one, other):
    ranks = np.array(one + other)
    expected = [100 * np.mean(ranks <= rank) for rank in range(1, LAST_RANK + 1)]
    assert tally(one, other).means[:LAST_RANK] == pytest.approx(expected)


def test_intervals_are_those_of_a_share():
    draws = Draws({"run": tally([1] * 60 + [9] * 140)}, resamples=4000)
    band = draws.band("run")
    assert band.mean[0] == 30
    spread = 1.96 * 100 * np.sqrt(0.3 * 0.7 / 200)
    assert band.low[0] == pytest.approx(30 - spread, abs=0.8)
    assert band.high[0] == pytest.approx(30 + spread, abs=0.8)


def test_runs_are_drawn_together_so_that_equal_ones_never_differ():
    one, other = tally([1, 5, 1, 9]), tally([1, 5, 1, 9])
    difference = Draws({"one": one, "other": other}).difference("one", "other")
    assert not difference.low.any()
    assert not difference.high.any()


def test_a_probe_of_two_folds_is_drawn_as_one():
    """Twice the same answers are no more evidence than once."""
    once = Draws({"run": tally([1, 2] * 20)}).band("run")
    twice = Draws({"run": tally([1, 2] * 20, [1, 2] * 20)}).band("run")
    assert (once.low[0], once.high[0]) == (twice.low[0], twice.high[0])
