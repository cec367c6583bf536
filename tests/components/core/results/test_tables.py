"""Sections of a page of results, and their tables."""

import pytest

from components.core.results.sections import provenance, sections
from components.core.results.statistics import Statistics
from components.core.results.tables import markdown_table, section_table
from tests.components.core.results.made_up import ranked, row, together


def test_a_table_has_protocol_interval_and_paper_on_every_row():
    rows, probes = together(
        ranked("simpgan", [1] * 20, preset="paper", mINP=40.0), ranked("simpgan+adabn", [1] * 20, preset="paper")
    )
    [section] = sections(rows, Statistics.of(rows, probes, 99))
    header, rule, simpgan, with_adabn = section_table(section).splitlines()
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
    assert "paper" not in section_table(section)
    assert "| SimPGAN | folds10 | 10.0 |  | 50.0 |" in section_table(section)


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
    assert section.leader == "AdaBN finds the right person first for 24.0 % of probes"
    [section] = sections([row("simpgan", 30.0, mAP=36.0)], Statistics())
    [claim] = section.claims
    assert "EFDMix + PBN 28.0 / 37.0" in claim
    assert claim.endswith("the best row here, SimPGAN, has 30.0 / 36.0, +2.0 / −1.0 points from EFDMix + PBN")


def test_a_section_says_which_method_leads():
    [section] = sections([row("direct", 12.0), row("adabn", 24.0)], Statistics())
    assert section.leader == "AdaBN finds the right person first for 24.0 % of probes, direct transfer for 12.0 %"


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


def test_methods_that_were_measured_in_fewer_folds_are_named():
    rows = [row("direct", fold=fold) for fold in range(3)] + [row("cyclegan"), row("adabn", fold=1)]
    [section] = sections(rows, Statistics())
    assert section.claims[-1] == (
        "Measured in fewer folds than the 3 of others, so that their lines cannot be compared with those: AdaBN (1), "
        "CycleGAN (1)"
    )


def test_commands_are_listed_once():
    rows = [row(command="simpgan run b"), row("gan", command="simpgan run a"), row("adabn", command="simpgan run b")]
    [section] = sections(rows, Statistics())
    assert section.commands == ["simpgan run a", "simpgan run b"]


@pytest.mark.parametrize("cell", ["a|b", "plain"])
def test_a_bar_does_not_end_a_cell(cell):
    assert markdown_table(["x"], [[cell]], 1) == "| x |\n| --- |\n| " + cell.replace("|", "\\|") + " |"
