"""Transfers: which table leads, and what is advised."""

from simpgan.components.core.results.overview import overview_figure
from simpgan.components.core.results.pages.pictures import svg
from simpgan.components.core.results.sections import sections
from simpgan.components.core.results.statistics import Statistics
from simpgan.components.core.results.transfers import advice, transfers
from tests.components.core.results.made_up import row

CPU = {"hardware": "a CPU"}


def transfers_of(*rows):
    return transfers(sections(rows, Statistics()))


def test_the_table_with_the_most_folds_leads_and_never_one_whose_training_saw_the_tested_people():
    rows = [row("umdl", protocol="all250"), row("direct", protocol="all250"), row("simpgan", protocol="all250")]
    rows += [row("direct", fold=fold) for fold in range(3)] + [row("simpgan")]
    [transfer] = transfers_of(*rows)
    assert [transfer.name_of(table) for table in transfer.tables] == [
        "folds10, 3 folds", "folds10, fold 0", "all250, fold 0",
    ]  # fmt: skip
    assert [each.method for each in transfer.rows] == ["umdl", "direct", "simpgan"]


def test_tables_that_differ_only_in_seeds_say_their_seeds():
    rows = [row("direct", seed=seed) for seed in range(3)] + [row("simpgan")]
    [transfer] = transfers_of(*rows)
    assert [transfer.name_of(table) for table in transfer.tables] == ["folds10, fold 0, 3 seeds", "folds10, fold 0"]


def test_transfers_are_apart_by_source_target_and_preset():
    found = transfers_of(row(), row(preset="small"), row(target="cuhk01", protocol="all"), row(protocol="all250"))
    assert [each.title for each in found] == ["market1501 → grid", "market1501 → grid, preset small",
                                              "market1501 → cuhk01"]  # fmt: skip


def test_the_better_statistics_over_all_transfers_are_advised():
    to_grid = [row("direct", 8.0, **CPU), row("adabn", 20.0, **CPU), row("camera-adabn", 26.0, **CPU)]
    to_market = [
        row(method, rate, target="market1501", protocol="standard", **CPU)
        for method, rate in (("direct", 32.0), ("adabn", 37.0), ("camera-adabn", 35.0))
    ]
    assert advice(transfers_of(*to_grid, *to_market)) == [
        "On unlabelled cameras, start with AdaBN per camera, which trains nothing for them",
        "market1501 → grid: 26 of 100 people are found first, 8 without it (folds10, fold 0; a CPU)",
        "market1501 → market1501: 35 of 100 people are found first, 32 without it (standard, fold 0; a CPU)",
    ]


def test_statistics_are_compared_where_both_were_measured():
    rows = [row("direct", 8.0), row("adabn", 20.0), row("camera-adabn", 26.0)]
    rows += [row("direct", 8.0, target="cuhk01"), row("adabn", 90.0, target="cuhk01")]
    first, *transfers = advice(transfers_of(*rows))
    assert first.startswith("On unlabelled cameras, start with AdaBN per camera, ")
    assert len(transfers) == 1
    first, *transfers = advice(transfers_of(*(each for each in rows if each.method != "camera-adabn")))
    assert first.startswith("On unlabelled cameras, start with AdaBN, ")
    assert len(transfers) == 2


def test_joined_features_are_advised_where_they_find_more():
    rows = [row("direct", 8.0, **CPU), row("camera-adabn", 26.0, **CPU)]
    joined = {"method": "camera-adabn+joined", "variant": "with cuhk01", **CPU}
    better, worse = (advice(transfers_of(*rows, row(**joined, rank_1=rate)))[1] for rate in (33.0, 25.0))
    assert better.endswith("8 without it, 33 if features of several classifiers are joined (folds10, fold 0; a CPU)")
    assert worse.endswith("8 without it (folds10, fold 0; a CPU)")


def test_what_whitened_features_find_is_said_where_it_is_more():
    rows = [row("direct", 8.0, **CPU), row("camera-adabn", 26.0, **CPU)]
    better, worse = (advice(transfers_of(*rows, row("camera-adabn+whitened", rate, **CPU)))[1] for rate in (33.0, 25.0))
    assert better.endswith("8 without it, 33 if features are whitened (folds10, fold 0; a CPU)")
    assert worse.endswith("8 without it (folds10, fold 0; a CPU)")
    joined = {"method": "camera-adabn+joined+whitened", "variant": "with cuhk01", **CPU}
    assert (
        ", 40 if features of several classifiers are joined"
        in advice(transfers_of(*rows, row(**joined, rank_1=40.0)))[1]
    )


def test_what_self_training_finds_is_said_where_it_is_more():
    rows = [row("direct", 8.0, **CPU), row("camera-adabn", 26.0, **CPU), row("simpgan+self-training", 20.0, **CPU)]
    better, worse = (advice(transfers_of(*rows, row("self-training", rate, **CPU)))[1] for rate in (50.0, 25.0))
    assert better.endswith("8 without it, 50 if the classifier learns from their images (folds10, fold 0; a CPU)")
    assert worse.endswith("8 without it (folds10, fold 0; a CPU)")


def test_without_direct_transfer_nothing_is_advised():
    assert advice(transfers_of(row("adabn"))) == []


def test_the_picture_has_the_leading_table_and_the_largest_and_is_the_same_every_time():
    rows = [row("direct", fold=fold) for fold in range(3)] + [row("simpgan")]
    found = transfers_of(*rows, row("direct", target="cuhk01"))
    assert [axes.get_title(loc="left") for axes in overview_figure(found).axes] == [
        "market1501 → grid, folds10: 3 folds",
        "market1501 → grid, folds10: fold 0",
        "market1501 → cuhk01, folds10: fold 0",
    ]
    assert svg(overview_figure(found)) == svg(overview_figure(found))
