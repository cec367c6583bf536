"""Rows of several evaluations as one list."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.joining import join, join_probes, ordered, replace
from tests.components.core.results.made_up import ranked, row, together

KEYS = st.tuples(st.sampled_from(["direct", "adabn", "gan", "simpgan+adabn"]), st.integers(0, 3), st.integers(0, 2))
ROWS = st.lists(
    st.builds(
        # What was measured follows from the key; when and where it was may differ.
        lambda key, day: row(key[0], 10.0 + key[1], fold=key[1], seed=key[2], date=f"2026-11-0{day}"),
        KEYS,
        st.integers(1, 9),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(st.lists(ROWS, max_size=4), st.randoms(use_true_random=False))
def test_joining_does_not_depend_on_the_order_and_can_be_repeated(evaluations, random):
    joined = join(evaluations)
    shuffled = [random.sample(rows, len(rows)) for rows in random.sample(evaluations, len(evaluations))]
    assert join(shuffled) == joined
    assert join([joined, joined, *evaluations]) == joined
    assert len({each.key for each in joined}) == len(joined)


@settings(deadline=None, max_examples=40)
@given(ROWS, ROWS)
def test_replacing_twice_is_replacing_once(older, newer):
    newer = join([newer])
    once = replace(older, newer)
    assert replace(once, newer) == once
    assert {each.key for each in once} == {each.key for each in [*older, *newer]}
    assert set(newer) <= set(once)


def test_duplicates_become_the_later_one():
    early, late = row(date="2026-11-20", hardware="one"), row(date="2026-11-21", hardware="another")
    assert join([[early], [late]]) == join([[late, early]]) == [late]


@pytest.mark.parametrize("other", [{"rank_1": 12.0}, {"mAP": 51.0}, {"probes": 124}])
def test_contradicting_duplicates_are_refused_in_one_line(other):
    with pytest.raises(UserError, match="two results of direct on market1501 → grid, folds10, fold 0, seed 0 differ"):
        join([[row()], [row(**other)]])


def test_the_last_digits_of_a_float_are_no_contradiction():
    assert len(join([[row(mAP=50.0)], [row(mAP=50.0 + 1e-9)]])) == 1


def test_rows_differ_by_variant_and_preset():
    rows = [row(), row(variant="rate=1"), row(preset="paper")]
    assert len(join([rows])) == 3


def test_a_newer_row_takes_the_place_of_an_older_one():
    assert replace([row(), row("gan")], [row(rank_1=30.0)]) == [row(rank_1=30.0), row("gan")]


def test_rows_are_listed_by_experiment_and_method():
    rows = [row("simpgan", fold=1), row("simpgan", fold=0), row("direct", protocol="all250"), row("direct")]
    assert ordered(rows) == [rows[2], rows[3], rows[1], rows[0]]


def test_probes_are_joined_without_duplicates_in_any_order():
    _, first = ranked("direct", [1, 2])
    _, second = ranked("simpgan", [3, 4])
    _, both = together(ranked("direct", [1, 2]), ranked("simpgan", [3, 4]))
    assert join_probes([first, second, first]).equals(join_probes([both.iloc[::-1]]))
    assert len(join_probes([first, second, first])) == 4
    assert join_probes([]).empty
