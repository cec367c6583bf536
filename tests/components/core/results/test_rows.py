"""The file of results."""

import json

import pytest
from pydantic import ValidationError

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.rows import read_results, write_results
from tests.components.core.results.made_up import row


def test_rows_come_back_from_their_file(tmp_path):
    rows = [row(), row("simpgan", 31.2, fold=3, seed=7, left_out=2)]
    write_results(rows, tmp_path / "new" / "results.json")
    assert read_results(tmp_path / "new" / "results.json") == rows


def test_the_file_calls_rates_by_their_usual_names(tmp_path):
    write_results([row(rank_1=12.5)], tmp_path / "results.json")
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["schema"] == 1
    assert list(document["rows"][0]) == [
        "source",
        "target",
        "method",
        "variant",
        "preset",
        "protocol",
        "fold",
        "seed",
        "rank-1",
        "rank-5",
        "rank-10",
        "rank-20",
        "mAP",
        "mAP-trapezoidal",
        "mINP",
        "probes",
        "left-out",
        "gallery",
        "across-cameras",
        "steps",
        "score",
        "precision",
        "hardware",
        "date",
        "commit",
        "command",
    ]
    assert document["rows"][0]["rank-1"] == 12.5


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1}', '{"schema": 1, "rows": [{"source": "a"}]}'])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UserError, match=r"results\.json is not a results file"):
        read_results(tmp_path / "results.json")


def test_a_file_of_another_schema_is_refused(tmp_path):
    (tmp_path / "results.json").write_text('{"schema": 2, "rows": []}')
    with pytest.raises(UserError, match="has schema 2, not 1"):
        read_results(tmp_path / "results.json")


@pytest.mark.parametrize("rate", [-1.0, 100.5, float("nan")])
def test_a_rate_is_a_percentage(rate):
    with pytest.raises(ValidationError):
        row(rank_1=rate)


def test_a_row_is_a_line_of_the_file_and_more_can_stand_beside(tmp_path):
    write_results([row(), row("gan")], tmp_path / "results.json", {"intervals": [{"low": 1.0}], "tests": []})
    text = (tmp_path / "results.json").read_text()
    assert len(text.splitlines()) == 11
    assert json.loads(text)["intervals"] == [{"low": 1.0}]
    assert read_results(tmp_path / "results.json") == [row(), row("gan")]


@pytest.mark.parametrize("date", ["22.11.2026", "2026-11-22T10:00", "today"])
def test_a_date_is_a_day(date):
    with pytest.raises(ValidationError):
        row(date=date)
