"""The command that publishes results."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.probes import write_probes
from simpgan.components.core.results.rows import read_results, write_results
from simpgan.components.core.results.statistics import Statistics
from simpgan.pipelines.cli import app
from simpgan.pipelines.reports.results_page import publish
from tests.components.core.results.made_up import ranked, together

DIRECT = ranked("direct", [1, 2, 9, 1], preset="paper")
SIMPGAN = ranked("simpgan", [1, 1, 9, 1], preset="paper")


def finished_run(folder, *made, command="simpgan run adapt --source market1501:Market --out one"):
    rows, probes = together(*made)
    write_results(rows, folder / "results.json")
    write_probes(probes, folder / "probes.parquet")
    if command:
        (folder / "command.txt").write_text(f"{command}\n")
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_runs_become_one_file_and_its_pages(tmp_path):
    runs = [finished_run(tmp_path / "one", DIRECT), finished_run(tmp_path / "two", SIMPGAN, command="simpgan demo")]
    done = CliRunner().invoke(
        app, ["results", str(runs[0]), str(runs[1] / "results.json"), "--out", str(tmp_path / "docs")]
    )
    assert done.exit_code == 0, done.output
    assert done.output.startswith("2 rows: ")
    rows = read_results(tmp_path / "docs" / "results.json")
    assert [(each.method, each.command) for each in rows] == [
        ("direct", "simpgan run adapt --source market1501:Market --out one"),
        ("simpgan", "simpgan demo"),
    ]
    page = (tmp_path / "docs" / "results.md").read_text()
    assert "```sh\nsimpgan demo\nsimpgan run adapt --source market1501:Market --out one\n```" in page
    assert "25.0 points more than direct transfer (50.0 %)" in page
    assert "| SimPGAN | direct transfer | +25.0 |" in (tmp_path / "docs" / "ablations.md").read_text()
    assert "findings.md" not in page
    assert "SimPGAN finds the right person first for 75.0" in (tmp_path / "docs" / "results.html").read_text()
    assert "\n\n\n" not in page


def test_the_page_links_to_what_was_found(tmp_path):
    run = finished_run(tmp_path / "one", DIRECT)
    (tmp_path / "findings.md").write_text("# Findings\n")
    publish([run], tmp_path)
    assert "[findings.md](findings.md)" in (tmp_path / "results.md").read_text()
    assert (tmp_path / "findings.md").read_text() == "# Findings\n"


def test_publishing_again_changes_nothing(tmp_path):
    run = finished_run(tmp_path / "one", DIRECT, SIMPGAN)
    publish([run], tmp_path / "docs")
    once = contents(tmp_path / "docs")
    publish([run, run], tmp_path / "docs")
    assert contents(tmp_path / "docs") == once
    publish([tmp_path / "docs"], tmp_path / "docs")
    assert contents(tmp_path / "docs") == once


def test_the_order_of_runs_does_not_matter(tmp_path):
    runs = [finished_run(tmp_path / "one", DIRECT), finished_run(tmp_path / "two", SIMPGAN)]
    publish(runs, tmp_path / "docs")
    publish(runs[::-1], tmp_path / "other")
    assert contents(tmp_path / "docs") == contents(tmp_path / "other")


def test_a_later_run_adds_and_replaces_and_leaves_the_rest(tmp_path):
    publish([finished_run(tmp_path / "one", DIRECT, SIMPGAN)], tmp_path / "docs")
    before = Statistics.read(tmp_path / "docs" / "results.json")
    later = ranked("simpgan", [2, 2, 9, 1], preset="paper"), ranked("gan", [9, 9, 9, 9], preset="paper")
    publish([finished_run(tmp_path / "two", *later)], tmp_path / "docs")
    rows = read_results(tmp_path / "docs" / "results.json")
    assert [(each.method, each.rank_1) for each in rows] == [("direct", 50.0), ("gan", 0.0), ("simpgan", 25.0)]
    after = Statistics.read(tmp_path / "docs" / "results.json")
    of_direct = [each for each in before.intervals if each.method == "direct"]
    assert of_direct
    assert [each for each in after.intervals if each.method == "direct"] == of_direct
    assert {each.method for each in after.intervals} == {"direct", "gan", "simpgan"}
    assert after.tests == []  # direct transfer's probes are not at hand


def test_no_folder_of_a_machine_gets_into_the_page(tmp_path):
    command = "simpgan run adapt --source cuhk01:/home/somebody/CUHK01 --data-root=/mnt/disk/data --out runs/one"
    publish([finished_run(tmp_path / "one", DIRECT, command=command)], tmp_path / "docs")
    for content in contents(tmp_path / "docs").values():
        assert b"somebody" not in content
        assert b"/mnt" not in content
    assert read_results(tmp_path / "docs" / "results.json")[0].command == (
        "simpgan run adapt --source cuhk01:CUHK01 --data-root=data --out one"
    )


def test_a_run_without_results_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"has no results\.json: give the --out of a run that has ended"):
        publish([tmp_path], tmp_path / "docs")
    with pytest.raises(UserError, match=r"has no results\.json"):
        publish([tmp_path / "absent" / "results.json"], tmp_path / "docs")


def test_a_damaged_published_file_is_refused_and_stays(tmp_path):
    run = finished_run(tmp_path / "one", DIRECT)
    publish([run], tmp_path / "docs")
    (tmp_path / "docs" / "results.json").write_text('{"schema": 1}')
    with pytest.raises(UserError, match=r"docs/results\.json is not a results file"):
        publish([run], tmp_path / "docs")
    assert (tmp_path / "docs" / "results.json").read_text() == '{"schema": 1}'


def test_runs_that_contradict_one_another_are_refused(tmp_path):
    runs = [
        finished_run(tmp_path / "one", DIRECT),
        finished_run(tmp_path / "two", ranked("direct", [1], preset="paper")),
    ]
    with pytest.raises(UserError, match="two results of direct"):
        publish(runs, tmp_path / "docs")
    assert not (tmp_path / "docs").exists()


def test_the_published_pages_are_what_the_command_writes(tmp_path):
    docs = Path(__file__).parents[3] / "docs"
    for name in ("results.json", "findings.md"):
        shutil.copy(docs / name, tmp_path)
    publish([tmp_path], tmp_path)
    for name in ("results.md", "ablations.md"):
        assert (tmp_path / name).read_text() == (docs / name).read_text(), "run: simpgan results docs --out docs"
