"""Paired permutation tests."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from simpgan.components.core.results.probes import no_probes
from simpgan.components.core.results.significance import corrected, exact_sign_flip_p, paired_tests, sign_flip_p
from tests.components.core.results.made_up import ranked, row, together


def enumerated_p(differences):
    """Share of all sign changes whose mean is at least as far from 0."""
    size = abs(np.mean(differences))
    means = [abs(np.mean(np.multiply(signs, differences))) for signs in product((-1, 1), repeat=len(differences))]
    return np.mean(np.array(means) >= size - 1e-9 * max(1, size))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=10))
def test_p_is_that_of_all_sign_changes(differences):
    p = sign_flip_p(np.array(differences, dtype=float), 9999, seed=0)
    assert p == pytest.approx(enumerated_p(differences))


def test_ten_folds_that_all_gain_are_two_in_a_thousand():
    assert sign_flip_p(np.arange(1.0, 11.0), 9999, seed=0) == 2 / 1024


def test_many_differences_are_sampled():
    differences = np.array([1.0] * 30 + [-1.0] * 14 + [0.0] * 200)
    # 30 of 44 heads of a fair coin, or more, either way: a sign test.
    exact = binomtest(30, 44).pvalue
    assert sign_flip_p(differences, 9999, seed=3) == pytest.approx(exact, abs=0.01)


def test_a_translation_is_tested_against_direct_transfer_over_folds():
    gains = [3.0, 2.0, -1.0]
    rows = [row("direct", 10.0, fold=fold) for fold in range(5)]
    rows += [row("simpgan", 10.0 + gain, fold=fold) for fold, gain in enumerate(gains)]
    rank_1, mean_average_precision = paired_tests(rows, no_probes(), 9999, seed=0)
    assert (rank_1.baseline, rank_1.rate, rank_1.over, rank_1.count) == ("direct", "rank-1", "folds", 3)
    assert rank_1.gain == pytest.approx(4 / 3)
    assert rank_1.p == pytest.approx(enumerated_p(gains))
    assert (mean_average_precision.rate, mean_average_precision.gain, mean_average_precision.p) == ("mAP", 0, 1)


def test_only_seeds_that_both_have_count_and_are_averaged_per_fold():
    rows = [row("direct", 10.0, fold=fold, seed=seed) for fold in range(2) for seed in range(3)]
    rows += [row("gan", rate, fold=fold, seed=seed) for (fold, seed), rate in
             {(0, 0): 11.0, (0, 1): 13.0, (1, 0): 15.0, (1, 1): 15.0}.items()]  # fmt: skip
    rank_1 = paired_tests(rows, no_probes(), 9999, seed=0)[0]
    assert (rank_1.value, rank_1.baseline_value, rank_1.count, rank_1.seeds) == (13.5, 10.0, 2, 2)
    assert rank_1.p == 0.5  # both folds gain: two of four sign changes are as far out


def test_in_one_fold_probes_are_paired_by_name():
    adabn, translated = [2, 2, 2, 2, 2, 1], [1, 1, 1, 1, 1, 1]
    rows, probes = together(ranked("adabn", adabn), ranked("simpgan+adabn", translated))
    test = paired_tests(rows, probes.iloc[::-1], 9999, seed=0)[0]
    assert (test.method, test.baseline, test.over, test.count) == ("simpgan+adabn", "adabn", "probes", 6)
    assert test.gain == pytest.approx(100 * 5 / 6)
    assert test.p == pytest.approx(2 / 2**5)  # the sixth probe's sign makes no difference


def test_in_one_fold_without_its_probes_there_is_no_test():
    rows, probes = together(ranked("direct", [1, 2]), ranked("gan", [2, 2]))
    assert paired_tests(rows, no_probes(), 99, seed=0) == []
    assert paired_tests(rows, probes[probes["method"] == "gan"], 99, seed=0) == []


def test_a_variant_is_tested_against_the_same_or_the_plain_baseline():
    rows = [row("direct", 10.0 + fold, fold=fold) for fold in range(2)]
    rows += [row("gan", 15.0, fold=fold, variant=variant) for fold in range(2) for variant in ("rate=1", "rate=2")]
    rows += [row("direct", 14.0, fold=fold, variant="rate=2") for fold in range(2)]
    tests = [each for each in paired_tests(rows, no_probes(), 99, seed=0) if each.rate == "rank-1"]
    values = {each.variant: each.baseline_value for each in tests if each.method == "gan"}
    assert values == {"rate=1": 10.5, "rate=2": 14.0}


def test_presets_are_not_mixed():
    rows = [row("direct", 10.0, fold=fold, preset="paper") for fold in range(2)]
    rows += [row("gan", 15.0, fold=fold, preset="modern") for fold in range(2)]
    assert paired_tests(rows, no_probes(), 99, seed=0) == []


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=10))
def test_the_exact_p_is_that_of_all_sign_changes(differences):
    assert exact_sign_flip_p(np.array(differences)) == pytest.approx(enumerated_p(differences))


def test_the_exact_p_of_probes_found_and_missed_is_mcnemars():
    differences = np.array([1] * 90 + [-1] * 30 + [0] * 3000)
    assert exact_sign_flip_p(differences) == pytest.approx(binomtest(90, 120).pvalue)


def test_holms_correction_by_hand():
    assert corrected([0.01, 0.04, 0.03], 3) == pytest.approx([0.03, 0.06, 0.06])
    assert corrected([0.01, 0.6], 10) == pytest.approx([0.1, 1.0])
    assert corrected([], 0) == []
