"""Sections of a page of results, and their tables."""

import pytest

from simpgan.components.core.results.sections import provenance, sections
from simpgan.components.core.results.statistics import Statistics
from simpgan.components.core.results.tables import markdown_table, table_of_methods
from tests.components.core.results.made_up import ranked, row, together


def test_a_table_has_protocol_interval_and_paper_on_every_row():
    rows, probes = together(
        ranked("simpgan", [1] * 20, preset="paper", mINP=40.0), ranked("simpgan+adabn", [1] * 20, preset="paper")
    )
    [section] = sections(rows, Statistics.of(rows, probes, 99))
    header, rule, simpgan, with_adabn = table_of_methods(section.tables[0]).splitlines()
    assert header == (
        "| method | protocol | rank-1 | rank-1, 95 % | rank-5 | rank-10 | rank-20 | mAP | mAP, 95 % | mINP "
        "| paper rank-1 / rank-5 / rank-10 | difference in points | probes | gallery | folds | seeds |"
    )
    assert rule.startswith("| --- | --- | --: |")
    assert simpgan == (
        "| SimPGAN | all250 | 100.0 | 100.0 to 100.0 | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 to 100.0 | 40.0 "
        "| 18.0 / 34.4 / 43.2 | +82.0 / +65.6 / +56.8 | 20 | 1025 | 1 | 1 |"
    )
    assert "| 50.0 |  |  | 20 | 1025 | 1 | 1 |" in with_adabn


def test_without_the_papers_protocol_the_paper_has_no_columns():
    [section] = sections([row("simpgan")], Statistics())
    assert "paper" not in table_of_methods(section.tables[0])
    assert "| SimPGAN | folds10 | 10.0 |  | 50.0 |" in table_of_methods(section.tables[0])


def test_experiments_are_apart_and_say_what_they_are():
    rows = [row(), row(preset="modern"), row(protocol="all250")]
    titles = [section.experiment.title for section in sections(rows, Statistics())]
    assert titles == [
        "market1501 → grid, folds10",
        "market1501 → grid, folds10, preset modern",
        "market1501 → grid, all250",
    ]
    assert [section.about[:9] for section in sections(rows, Statistics())] == ["ten folds", "ten folds", "one split"]


def test_the_best_row_is_put_beside_the_paper_and_later_work():
    rows = [row("simpgan", 12.0, protocol="all250"), row("adabn", 24.0, protocol="all250")]
    [section] = sections(rows, Statistics())
    assert section.claims == [
        "The paper's SimPGAN has 18.0 rank-1; ours differs by −6.0 points, the best row here, AdaBN, by +6.0"
    ]
    [section] = sections([row("simpgan", 30.0, mAP=36.0)], Statistics())
    [claim] = section.claims
    assert "EFDMix + PBN 28.0 / 37.0" in claim
    assert claim.endswith("the best row here, SimPGAN (fold 0), has 30.0 / 36.0, +2.0 / −1.0 points from EFDMix + PBN")


def test_the_bold_and_the_headline_are_among_methods_that_were_asked_the_same():
    rows = [row("direct", rate, fold=fold) for fold, rate in enumerate([12.0, 60.0, 60.0])]
    rows += [row("adabn", 30.0 + fold, fold=fold) for fold in range(3)] + [row("simpgan", 24.0)]
    [section] = sections(rows, Statistics())
    shared, whole = section.tables
    assert [(each.method, each.mean["rank-1"]) for each in shared.summaries] == [
        ("direct", 12.0),
        ("adabn", 30.0),
        ("simpgan", 24.0),
    ]
    assert [each.method for each in shared.summaries if shared.is_best(each, "rank-1")] == ["adabn"]
    assert [(each.method, each.mean["rank-1"]) for each in whole.summaries] == [("direct", 44.0), ("adabn", 31.0)]
    assert (shared.title, whole.title) == ("Fold 0", "3 folds")
    assert section.headline[0].text == (
        "SimPGAN finds the right person first for 24.0 % of 125 probes, direct transfer for 12.0 %: 12.0 points more"
    )


def test_provenance_lists_what_differs():
    rows = [
        row(seed=1, steps=250, hardware="a CPU", date="2026-11-22", commit="abc", preset="small"),
        row(seed=0, hardware="a GPU", date="2026-11-20", commit="abc", preset="small"),
    ]
    assert provenance(rows) == {
        "preset": "small",
        "seeds": "0, 1",
        "GAN steps": "250",
        "hardware": "a CPU, a GPU",
        "date": "2026-11-20 to 2026-11-22",
        "commit": "abc",
    }
    assert provenance([row()]) == {"preset": "none (the defaults)", "seeds": "0"}


def test_commands_are_listed_once():
    rows = [row(command="simpgan run b"), row("gan", command="simpgan run a"), row("adabn", command="simpgan run b")]
    [section] = sections(rows, Statistics())
    assert section.commands == ["simpgan run a", "simpgan run b"]


@pytest.mark.parametrize("cell", ["a|b", "plain"])
def test_a_bar_does_not_end_a_cell(cell):
    assert markdown_table(["x"], [[cell]], 1) == "| x |\n| --- |\n| " + cell.replace("|", "\\|") + " |"
