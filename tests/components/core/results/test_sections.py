"""Sections of a page of results."""

from simpgan.components.core.results.sections import provenance, sections
from simpgan.components.core.results.statistics import Statistics
from tests.components.core.results.made_up import ranked, row, together


def test_experiments_are_apart_and_say_what_they_are():
    rows = [row(), row(preset="modern"), row(protocol="all250")]
    found = sections(rows, Statistics())
    assert [section.experiment.title for section in found] == [
        "market1501 → grid, folds10",
        "market1501 → grid, folds10, preset modern",
        "market1501 → grid, all250",
    ]
    assert found[0].tables[0].title == "market1501 → grid, folds10: fold 0"
    assert found[0].tables[0].about.endswith("125 probes, 900 gallery images.")


def test_folds_are_never_mixed_and_every_table_has_its_findings():
    rows = [row("direct", rate, fold=fold) for fold, rate in enumerate([12.0, 60.0, 60.0])]
    rows += [row("adabn", 30.0 + fold, fold=fold) for fold in range(3)] + [row("simpgan", 24.0)]
    [section] = sections(rows, Statistics())
    shared, whole = section.tables
    assert [(each.method, each.mean["rank-1"]) for each in shared.summaries] == [
        ("direct", 12.0),
        ("adabn", 30.0),
        ("simpgan", 24.0),
    ]
    assert [(each.method, each.mean["rank-1"]) for each in whole.summaries] == [("direct", 44.0), ("adabn", 31.0)]
    assert (shared.scope, whole.scope) == ("fold 0", "3 folds")
    assert shared.findings[0].text == (
        "SimPGAN finds the right person first for 24.0 % of 125 probes, 12.0 points more than direct transfer (12.0 %)"
    )
    assert whole.findings[0].text == (
        "AdaBN finds the right person first for 31.0 % of 375 probes, 13.0 points less than direct transfer (44.0 %)"
    )


def test_the_best_row_is_put_beside_the_paper_and_later_work():
    rows = [row("simpgan", 12.0, protocol="all250"), row("adabn", 24.0, protocol="all250")]
    [section] = sections(rows, Statistics())
    assert section.tables[0].findings[-1].text == (
        "The paper's SimPGAN has 18.0 % rank-1; SimPGAN here differs by −6.0 points, and AdaBN, the best row, by +6.0"
    )
    joined = row("camera-adabn+joined", 35.0, variant="with cuhk01")
    [section] = sections([row("simpgan", 30.0, mAP=36.0), joined], Statistics())
    *_, published, best = section.tables[0].findings
    assert "EFDMix + PBN 28.0 / 37.0" in published.text
    assert best.text == (
        "The best row of this source alone, SimPGAN, has 30.0 / 36.0, which differs from EFDMix + PBN by +2.0 / −1.0 "
        "points"
    )


def test_later_work_stands_beside_the_table_with_most_folds_only():
    rows = [row("direct", 12.0, fold=fold) for fold in range(3)] + [row("simpgan", 24.0)]
    [section] = sections(rows, Statistics())
    assert ["EFDMix" in str(table.findings) for table in section.tables] == [False, True]


def test_it_is_said_which_rows_are_better_by_more_than_chance():
    rows, probes = together(
        ranked("direct", [2] * 40), ranked("gan", [2] * 39 + [1]), ranked("simpgan", [1] * 30 + [2] * 10)
    )
    [section] = sections(rows, Statistics.of(rows, probes))
    said = [finding.text for finding in section.tables[0].findings]
    assert (
        "1 of 2 rows tested against direct transfer is above it by more than chance: SimPGAN (+75.0 points, "
        in (said[-3])
    )
    assert not any("AdaBN" in text for text in said)


def test_provenance_lists_what_differs():
    rows = [
        row(seed=1, steps=250, hardware="a CPU", date="2026-11-22", commit="abc", preset="small"),
        row(seed=0, hardware="a GPU", date="2026-11-20", commit="abc", preset="small"),
    ]
    assert provenance(rows) == {
        "preset": "small",
        "seeds": "0, 1",
        "steps": "250",
        "hardware": "a CPU, a GPU",
        "date": "2026-11-20 to 2026-11-22",
        "commit": "abc",
    }
    assert provenance([row()]) == {"preset": "none (the defaults)", "seeds": "0"}


def test_commands_are_listed_once():
    rows = [row(command="simpgan run b"), row("gan", command="simpgan run a"), row("adabn", command="simpgan run b")]
    [section] = sections(rows, Statistics())
    assert section.tables[0].commands == ["simpgan run a", "simpgan run b"]
