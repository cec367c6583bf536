"""Tables of results."""

import pytest

from simpgan.components.core.results.probes import no_probes
from simpgan.components.core.results.sections import sections
from simpgan.components.core.results.significance import paired_tests
from simpgan.components.core.results.statistics import Statistics
from simpgan.components.core.results.tables import (
    Cell,
    CellTable,
    full_table,
    table_beside_paper,
    table_of_runs,
    table_of_scores,
    table_of_seeds,
    table_of_tests,
    transfer_table,
)
from simpgan.components.core.results.transfers import transfers
from tests.components.core.results.made_up import ranked, row, together


def table(rows, probes=None):
    statistics = Statistics() if probes is None else Statistics.of(rows, probes, 99)
    return sections(rows, statistics)[0].tables[0]


def transfer_of(rows):
    [transfer] = transfers(sections(rows, Statistics()))
    return transfer


def test_a_transfer_has_one_table_of_all_its_protocols_and_the_papers_rank_1():
    rows = [row("simpgan", rate, fold=fold) for fold, rate in enumerate([20.0, 30.0])]
    rows += [row("direct", rate, fold=fold) for fold, rate in enumerate([10.0, 12.0])]
    rows += [row("simpgan", 16.0, protocol="all250"), row("umdl", 5.0, protocol="all250", mAP=60.0)]
    header, _, *lines = transfer_table(transfer_of(rows)).markdown.splitlines()
    assert header == (
        "| method | folds10, 2 folds: rank-1 | folds10, 2 folds: mAP | all250, fold 0: rank-1 | all250, fold 0: mAP | "
        "paper, all250: rank-1 |"
    )
    assert lines == [
        "| UMDL |  |  | 5.0 | **60.0** | 3.8 |",
        "| Direct transfer | 11.0 ± 1.4 | **50.0 ± 0.0** |  |  |  |",
        "| SimPGAN | **25.0 ± 7.1** | **50.0 ± 0.0** | **16.0** | 50.0 | 18.0 |",
    ]


def test_without_the_papers_protocol_the_paper_has_no_column():
    rows = [row("simpgan")]
    assert "paper" not in transfer_table(transfer_of(rows)).markdown
    assert table_beside_paper(table(rows)).rows == []


def test_all_rates_stand_in_the_full_table():
    shown = table([row("simpgan", mINP=40.0)])
    grid = full_table(shown, shown.summaries)
    assert grid.columns == ["method", "rank-1", "rank-1, 95 %", "rank-5", "rank-10", "rank-20", "mAP", "mAP, 95 %",
                            "mINP"]  # fmt: skip
    assert grid.rows[0][-1] == Cell("40.0", 40.0)


def test_the_differences_to_the_paper_are_in_points():
    grid = table_beside_paper(table([row("gan", 6.0, protocol="all250", rank_5=10.8, rank_10=15.0)]))
    assert [cell.text for cell in grid.rows[0]] == [
        "GAN", "6.0", "4.4", "+1.6", "10.8", "10.8", "+0.0", "15.0", "15.2", "−0.2",
    ]  # fmt: skip


def test_a_row_of_tests_has_both_rates():
    rows = [row("adabn", 20.0, fold=fold, mAP=30.0) for fold in range(10)]
    rows += [row("simpgan+adabn", 22.0, fold=fold, mAP=29.5 + fold % 2) for fold in range(10)]
    grid = table_of_tests(paired_tests(rows, no_probes(), 9999, seed=0))
    assert grid.markdown.splitlines()[::2] == [
        "| method | baseline | rank-1, points | rank-1, p | mAP, points | mAP, p | over |",
        "| SimPGAN + AdaBN | AdaBN | +2.0 | 0.002 | +0.0 | 1 | 10 folds |",
    ]


def test_a_loss_has_a_minus_and_a_tiny_p_is_not_spelled_out():
    rows, probes = together(ranked("direct", [1] * 40), ranked("gan", [2] * 40))
    [gan] = table_of_tests(paired_tests(rows, probes, 9999, seed=0)).rows
    assert [cell.text for cell in gan[2:]] == ["−100.0", "< 0.001", "−50.0", "< 0.001", "40 probes"]


def test_the_numbers_of_a_seed_are_means_over_folds():
    rows = [row("direct", rate, fold=fold, seed=seed) for fold, seed, rate in
            ((0, 3, 10.0), (1, 3, 20.0), (0, 4, 30.0), (1, 4, 30.0))]  # fmt: skip
    assert table_of_seeds(table(rows)).markdown.splitlines()[::2] == [
        "| method | rank-1, seed 3 | rank-1, seed 4 | mAP, seed 3 | mAP, seed 4 |",
        "| Direct transfer | 15.0 | 30.0 | 50.0 | 50.0 |",
    ]


def test_the_lowest_score_and_the_highest_rate_stand_out():
    rows = [row("direct"), row("gan", 12.0, score=2.0), row("gan+adabn", 15.0, score=2.0)]
    grid = table_of_scores(table([*rows, row("simpgan", 11.0, score=1.5)]))
    assert grid.markdown.splitlines()[2:] == ["| GAN | 2.00 | **12.0** |", "| SimPGAN | **1.50** | 11.0 |"]
    assert table_of_scores(table([row("direct")])).rows == []


def test_every_run_is_one_row():
    grid = table_of_runs([row("gan", seed=seed, hardware="a CPU") for seed in range(3)])
    assert len(grid.rows) == 3
    assert all(len(cells) == len(grid.columns) for cells in grid.rows)


@pytest.mark.parametrize("text", ["a|b", "plain"])
def test_a_bar_does_not_end_a_cell(text):
    escaped = text.replace("|", "\\|")
    assert CellTable(["x"], [[Cell(text)]]).markdown == f"| x |\n| --- |\n| {escaped} |"
