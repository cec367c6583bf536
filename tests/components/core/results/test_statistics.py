"""What is kept of intervals and tests when the probes are gone."""

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.probes import no_probes
from simpgan.components.core.results.rows import read_results, write_results
from simpgan.components.core.results.statistics import Statistics
from tests.components.core.results.made_up import ranked, row, together

EVALUATED = ranked("direct", [1, 2] * 4), ranked("simpgan", [1, 1, 1, 2] * 2)


def test_statistics_come_back_from_beside_the_rows(tmp_path):
    rows, probes = together(*EVALUATED)
    statistics = Statistics.of(rows, probes, 99)
    assert statistics.intervals
    assert statistics.tests
    write_results(rows, tmp_path / "results.json", statistics.lists())
    assert Statistics.read(tmp_path / "results.json") == statistics
    assert read_results(tmp_path / "results.json") == rows


def test_a_file_without_any_has_none(tmp_path):
    write_results([row()], tmp_path / "results.json")
    assert Statistics.read(tmp_path / "results.json") == Statistics()


def test_a_damaged_file_is_refused(tmp_path):
    write_results([row()], tmp_path / "results.json", {"intervals": [{"rate": "rank-1"}]})
    with pytest.raises(UserError, match=r"results\.json is not a results file"):
        Statistics.read(tmp_path / "results.json")


def test_what_was_made_from_probes_stays_while_its_rows_do():
    rows, probes = together(*EVALUATED)
    before = Statistics.of(rows, probes, 99)
    elsewhere = [each.model_copy(update={"date": "2026-11-30"}) for each in rows] + [row("gan", protocol="all250")]
    assert Statistics.of(elsewhere, no_probes(), 99).keeping(before, rows, elsewhere) == before


def test_what_was_made_from_probes_goes_with_its_rows():
    rows, probes = together(*EVALUATED)
    before = Statistics.of(rows, probes, 99)
    again = [rows[0], rows[1].model_copy(update={"rank_1": 1.0})]
    after = Statistics.of(again, no_probes(), 99).keeping(before, rows, again)
    assert {each.method for each in after.intervals} == {"direct"}
    assert after.tests == []


def test_what_was_made_from_folds_is_not_kept_but_made_again():
    rows = [row(rank_1=10.0 + fold, fold=fold) for fold in range(3)]
    before = Statistics.of(rows, no_probes(), 99)
    assert Statistics().keeping(before, rows, rows) == Statistics()
