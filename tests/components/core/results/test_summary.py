"""What rows say together: averages, tables and sentences."""

import numpy as np
import pytest

from components.core.results.methods import name_of
from components.core.results.summary import compare, markdown, summarise, table
from tests.components.core.results.made_up import row


def test_the_deviation_is_that_of_the_folds_after_averaging_seeds():
    rates = {(0, 0): 10.0, (0, 1): 14.0, (1, 0): 20.0, (1, 1): 20.0}
    [summary] = summarise([row(rank_1=rate, fold=fold, seed=seed) for (fold, seed), rate in rates.items()])
    assert summary.mean["rank-1"] == 16.0
    assert summary.deviation["rank-1"] == pytest.approx(np.std([12, 20], ddof=1))
    assert (summary.folds, summary.seeds) == (2, 2)
    assert summary.rate("rank-1") == "16.0 ± 5.7"


def test_the_deviation_in_a_single_fold_is_that_of_the_seeds():
    [summary] = summarise([row(rank_1=rate, seed=seed) for seed, rate in enumerate([10, 20, 30])])
    assert summary.rate("rank-1") == "20.0 ± 10.0"


def test_a_single_row_has_no_deviation():
    [summary] = summarise([row(rank_1=10.25)])
    assert summary.rate("rank-1") == "10.2"


def test_methods_are_listed_from_the_baseline_to_simpgan():
    shuffled = ["simpgan+adabn", "other", "simpgan", "gan", "adabn", "direct", "cyclegan"]
    methods = [summary.method for summary in summarise([row(method) for method in shuffled])]
    assert methods == ["direct", "adabn", "gan", "cyclegan", "simpgan", "simpgan+adabn", "other"]


def test_names_for_people():
    assert name_of("simpgan+adabn") == "SimPGAN + AdaBN"
    assert name_of("umdl") == "umdl"


@pytest.mark.parametrize(
    ("ours", "direct", "words"),
    [
        (31.2, 18.1, "for 31.2 % of probes, direct transfer for 18.1 %: 1.7 times as many"),
        (9.0, 18.0, "for 9.0 % of probes, direct transfer for 18.0 %: only 0.50 times as many"),
        (18.0, 18.01, "for 18.0 % of probes, direct transfer for 18.0 %: as many"),
        (18.4, 18.0, "for 18.4 % of probes, direct transfer for 18.0 %: about as many"),
        (4.0, 0.0, "for 4.0 % of probes, direct transfer for none"),
    ],
)
def test_a_comparison_in_words(ours, direct, words):
    [comparison] = compare([row("direct", direct), row("simpgan", ours)], "simpgan")
    assert str(comparison) == f"SimPGAN finds the right person first {words}"


def test_only_folds_and_seeds_that_both_have_are_compared():
    rows = [row("direct", 10.0 * (fold + 1), fold=fold) for fold in range(3)]
    [comparison] = compare([*rows, row("gan", 12.0, fold=0), row("gan", 15.0, fold=0, seed=1)], "gan")
    assert (comparison.rank_1, comparison.baseline_rank_1) == (12.0, 10.0)
    assert (comparison.folds, comparison.seeds) == (1, 1)


def test_protocols_are_compared_apart():
    rows = [row(method, rank_1, protocol=protocol) for protocol, method, rank_1 in [
        ("folds10", "direct", 10), ("folds10", "simpgan", 20), ("all250", "direct", 5), ("all250", "simpgan", 15),
    ]]  # fmt: skip
    assert [(each.protocol, each.rank_1) for each in compare(rows, "simpgan")] == [("folds10", 20), ("all250", 15)]
    assert compare(rows, "cyclegan") == []
    assert compare([], "simpgan") == []


def test_the_table_on_the_terminal():
    rows = [row("simpgan", 31.2), row("direct", 9.6), row("direct", 8.0, protocol="all250", probes=250, gallery=1025)]
    assert table(rows) == (
        "market1501 → grid, folds10 (rates in percent)\n"
        "method           rank-1  rank-5  rank-10  rank-20   mAP  mINP  probes  gallery  folds  seeds\n"
        "Direct transfer     9.6    50.0     50.0     50.0  50.0  50.0     125      900      1      1\n"
        "SimPGAN            31.2    50.0     50.0     50.0  50.0  50.0     125      900      1      1\n"
        "\n"
        "market1501 → grid, all250 (rates in percent)\n"
        "method           rank-1  rank-5  rank-10  rank-20   mAP  mINP  probes  gallery  folds  seeds\n"
        "Direct transfer     8.0    50.0     50.0     50.0  50.0  50.0     250     1025      1      1"
    )
    assert table([]) == ""


def test_the_table_in_markdown():
    lines = markdown([row("direct", 10.0), row("direct", 20.0, fold=1, probes=124), row("a|b")]).splitlines()
    assert lines[0].startswith("| source | target | protocol | method | rank-1 |")
    assert lines[1].startswith("| --- | --- | --- | --- | --: |")
    assert lines[2] == (
        "| market1501 | grid | folds10 | Direct transfer | 15.0 ± 7.1 | 50.0 ± 0.0 | 50.0 ± 0.0 | 50.0 ± 0.0 "
        "| 50.0 ± 0.0 | 50.0 ± 0.0 | 124-125 | 900 | 2 | 1 |"
    )
    assert "a\\|b" in lines[3]
