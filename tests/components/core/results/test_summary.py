"""What rows say together: averages, tables and sentences."""

import numpy as np
import pytest

from simpgan.components.core.results.summary import comparable, compare, final_figures, summarise, table
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


def test_what_is_compared_was_asked_the_same():
    rows = [row(method, fold=fold) for method in ("direct", "adabn") for fold in range(3)]
    rows += [row("simpgan", fold=fold) for fold in (0, 2)] + [row("gan", fold=1)]
    blocks = [[(each.method, each.fold) for each in block] for block in comparable(rows)]
    assert blocks == [
        [("direct", 0), ("direct", 2), ("adabn", 0), ("adabn", 2), ("simpgan", 0), ("simpgan", 2)],
        [(method, fold) for method in ("direct", "adabn") for fold in range(3)],
        [("gan", 1)],
    ]


def test_rows_on_other_probes_are_not_compared():
    assert len(comparable([row("direct"), row("simpgan", probes=124)])) == 2


def test_what_is_tracked_of_direct_transfer_is_that_of_the_folds_of_the_others():
    rows = [row("direct", rate, fold=fold) for fold, rate in enumerate([100 / 3, 50.0])] + [row("simpgan", 200 / 3)]
    figures = final_figures(rows)
    assert (figures["rank-1/folds10/direct"], figures["rank-1/folds10/simpgan"]) == (33.33, 66.67)


def test_only_folds_and_seeds_that_both_have_are_compared():
    rows = [row("direct", 10.0 * (fold + 1), fold=fold) for fold in range(3)]
    [comparison] = compare([*rows, row("gan", 12.0, fold=0), row("gan", 15.0, fold=0, seed=1)], "gan")
    assert (comparison.rank_1, comparison.baseline_rank_1) == (12.0, 10.0)
    assert (comparison.folds, comparison.seeds) == (1, 1)


def test_protocols_are_compared_apart():
    rows = [row(method, rank_1, protocol=protocol) for protocol, method, rank_1 in [
        ("folds10", "direct", 10), ("folds10", "simpgan", 20), ("all250", "direct", 5), ("all250", "simpgan", 15),
    ]]  # fmt: skip
    assert [(each.experiment.protocol, each.rank_1) for each in compare(rows, "simpgan")] == [
        ("folds10", 20),
        ("all250", 15),
    ]
    assert compare(rows, "cyclegan") == []
    assert compare([], "simpgan") == []


def test_the_table_on_the_terminal():
    rows = [row("simpgan", 31.2), row("direct", 9.6), row("direct", 8.0, protocol="all250", probes=250, gallery=1025)]
    assert table(rows) == (
        "market1501 → grid, folds10, fold 0 (rates in percent)\n"
        "method           rank-1  rank-5  rank-10  rank-20   mAP  mINP  probes  gallery  folds  seeds\n"
        "Direct transfer     9.6    50.0     50.0     50.0  50.0  50.0     125      900      1      1\n"
        "SimPGAN            31.2    50.0     50.0     50.0  50.0  50.0     125      900      1      1\n"
        "\n"
        "market1501 → grid, all250, fold 0 (rates in percent)\n"
        "method           rank-1  rank-5  rank-10  rank-20   mAP  mINP  probes  gallery  folds  seeds\n"
        "Direct transfer     8.0    50.0     50.0     50.0  50.0  50.0     250     1025      1      1"
    )
    assert table([]) == ""


def test_variants_and_presets_are_summarised_apart():
    rows = [row("gan", 1.0), row("gan", 2.0, variant="rate=1"), row("gan", 3.0, preset="paper")]
    summaries = summarise(rows)
    assert [(each.experiment.preset, each.title, each.mean["rank-1"]) for each in summaries] == [
        ("", "GAN", 1.0),
        ("", "GAN (rate=1)", 2.0),
        ("paper", "GAN", 3.0),
    ]


def test_a_variant_is_compared_with_the_plain_baseline_where_it_has_no_own():
    rows = [row("direct", 10.0), row("gan", 12.0, variant="rate=1"), row("gan", 14.0, variant="rate=2")]
    assert [(each.variant, each.rank_1, each.baseline_rank_1) for each in compare(rows, "gan")] == [
        ("rate=1", 12.0, 10.0),
        ("rate=2", 14.0, 10.0),
    ]


def test_final_figures_are_named_by_what_differs():
    assert final_figures([row("simpgan+adabn", 20.0)])["rank-1/folds10/simpgan-adabn"] == 20.0
    rows = [row("gan", 1.0), row("gan", 2.0, source="cuhk01"), row("gan", 3.0, variant="rate=0.1")]
    figures = {name: value for name, value in final_figures(rows).items() if name.startswith("rank-1/")}
    assert figures == {
        "rank-1/market1501/folds10/gan": 1.0,
        "rank-1/cuhk01/folds10/gan": 2.0,
        "rank-1/market1501/folds10/gan rate 0.1": 3.0,
    }
    named = final_figures([row("gan", source="Höfe & <Tore>/1"), row("gan", source="-")])
    assert list(named)[::4] == ["rank-1/H_fe _ _Tore__1/folds10/gan", "rank-1/_/folds10/gan"]
