"""The summarise stage on small made-up evaluations."""

import re

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.probes import read_probes, write_probes
from simpgan.components.core.results.rows import read_results, write_results
from simpgan.components.core.results.statistics import Statistics
from simpgan.components.summarise import stage
from simpgan.components.summarise.pages import PAGES, continued, wrapped
from simpgan.components.summarise.settings import SummariseSettings
from tests.components.core.results.made_up import ranked, row, together

SETTINGS = SummariseSettings(resamples=99)
DIRECT = ranked("direct", [1, 2, 9, 1], preset="paper", hardware="a CPU", date="2026-11-22", commit="abc")
SIMPGAN = ranked("simpgan", [1, 1, 9, 1], preset="paper", hardware="a CPU", date="2026-11-23", commit="abc", steps=250)


def evaluation(folder, *made, probes=True):
    rows, table = together(*made)
    write_results(rows, folder / "results.json")
    if probes:
        write_probes(table, folder / "probes.parquet")
    return folder


@pytest.fixture
def summary(tmp_path):
    first = evaluation(tmp_path / "first", DIRECT)
    second = evaluation(tmp_path / "second", DIRECT, SIMPGAN)
    stage.run([first, second], SETTINGS, tmp_path / "summary")
    return tmp_path / "summary"


def test_rows_and_probes_of_several_evaluations_become_one_file_each(summary):
    assert read_results(summary / "results.json") == [DIRECT[0], SIMPGAN[0]]
    assert len(read_probes(summary / "probes.parquet")) == 8
    statistics = Statistics.read(summary / "results.json")
    assert {(each.method, each.over) for each in statistics.intervals} == {("direct", "probes"), ("simpgan", "probes")}
    assert [(each.method, each.rate, each.gain) for each in statistics.tests if each.rate == "rank-1"] == [
        ("simpgan", "rank-1", 25.0)
    ]


def test_a_summary_of_summaries_is_the_same(summary, tmp_path):
    stage.run([summary, summary], SETTINGS, tmp_path / "again")
    for name in ("results.json", *PAGES):
        assert (tmp_path / "again" / name).read_text() == (summary / name).read_text()


def test_the_pages_in_markdown(summary):
    page, ablations = ((summary / name).read_text() for name in ("results.md", "ablations.md"))
    assert "## market1501 → grid, preset paper" in page
    assert re.search(r"\| SimPGAN \| \*\*75\.0\*\* \|.* \| 18\.0 \|", page)
    assert "](results.svg)" in page
    assert (summary / "results.svg").read_text().startswith("<?xml")
    assert "## market1501 → grid, all250, preset paper: fold 0" in ablations
    assert re.search(r"\| SimPGAN \| \*\*75\.0\*\* \| [\d.]+ to 100\.0 \|", ablations)
    assert "[ablations.md](ablations.md)" in page
    assert "seeds: 0; steps: 250; hardware: a CPU; date: 2026-11-22 to 2026-11-23; commit: abc." in page
    assert "| SimPGAN | direct transfer | +25.0 | 1 |" in ablations
    assert "| SimPGAN | 75.0 | 18.0 | +57.0 |" in ablations
    for text in (page, ablations):
        assert "\n\n\n" not in text
        assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 120


@pytest.mark.parametrize("name", ["results.html", "ablations.html"])
def test_the_pages_in_html_need_nothing_else(summary, name):
    page = (summary / name).read_text()
    assert not re.search(r"""src="(?!data:)|@import|url\(""", page)
    assert set(re.findall('href="([^"]*)"', page)) == {"results.html", "ablations.html"} - {name}
    assert "default-src 'none'" in page
    assert 'name="viewport"' in page


def test_the_first_page_says_what_came_out_and_the_second_has_every_run(summary):
    page, ablations = ((summary / name).read_text() for name in ("results.html", "ablations.html"))
    assert "for 75.0\u00a0% of 4 probes, 25.0 points more than direct transfer (50.0\u00a0%)." in page
    assert "<td>all250</td>" not in page
    assert ablations.count("<td>all250</td>") == 2


def test_a_number_stays_with_its_sign_and_a_list_item_is_indented():
    lines = wrapped("a " * 59 + "10.0 % p = 0.5", indent="  ").splitlines()
    assert lines == [("a " * 59).rstrip(), "  10.0 % p = 0.5"]


def test_a_long_command_goes_on_in_further_lines_between_options():
    command = "simpgan run table1 " + " ".join(f"--set 'name{place}={'x' * 20} y'" for place in range(9))
    lines = continued(command).split(" \\\n    ")
    assert len(lines) > 2
    assert " ".join(lines) == command
    assert all(len(line) < 120 for line in lines)
    assert all(line.startswith(("simpgan", "--set")) for line in lines)


def test_names_in_the_page_are_only_text(tmp_path):
    made = ranked("<script>alert(1)</script>", [1, 2], source="<b>", commit="a&b")
    stage.run([evaluation(tmp_path / "one", made)], SETTINGS, tmp_path / "summary")
    page = (tmp_path / "summary" / "results.html").read_text()
    assert "alert(1)</script>" not in page
    assert "&lt;b&gt;" in page
    assert "a&amp;b" in page
    assert "alert(1)</script>" not in (tmp_path / "summary" / "ablations.html").read_text()


def test_evaluations_without_probes_are_summarised_without_intervals_over_them(tmp_path):
    stage.run([evaluation(tmp_path / "one", DIRECT, SIMPGAN, probes=False)], SETTINGS, tmp_path / "summary")
    assert Statistics.read(tmp_path / "summary" / "results.json") == Statistics()
    assert read_probes(tmp_path / "summary" / "probes.parquet").empty


def test_nothing_to_join_is_refused(tmp_path):
    with pytest.raises(UserError, match="there are no results to join: give at least one"):
        stage.run([], SETTINGS, tmp_path / "summary")


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"empty has no results\.json: give a folder that evaluate wrote"):
        stage.run([tmp_path / "empty"], SETTINGS, tmp_path / "summary")


@pytest.mark.parametrize("name", ["results.json", "probes.parquet"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, name):
    folder = evaluation(tmp_path / "one", DIRECT)
    (folder / name).write_bytes((folder / name).read_bytes()[:-20])
    with pytest.raises(UserError, match=rf"^\S+{name} is not a[^\n]*: evaluate again to replace it$"):
        stage.run([folder], SETTINGS, tmp_path / "summary")


def test_evaluations_that_contradict_one_another_are_refused(tmp_path):
    one = evaluation(tmp_path / "one", (row("direct", 10.0), DIRECT[1]))
    other = evaluation(tmp_path / "other", (row("direct", 20.0), DIRECT[1]))
    with pytest.raises(UserError, match=r"two results of direct on .* differ: rank-1 10\.00 and 20\.00"):
        stage.run([one, other], SETTINGS, tmp_path / "summary")
    assert not (tmp_path / "summary" / "results.json").exists()
