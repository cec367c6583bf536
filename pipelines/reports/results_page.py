"""Publish the results of several runs as one file with its pages, and the commands that made them."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.joining import join, join_probes, replace
from simpgan.components.core.results.probes import read_probes_beside
from simpgan.components.core.results.rows import ResultsRow, read_results, write_results
from simpgan.components.core.results.sections import sections
from simpgan.components.core.results.statistics import Statistics
from simpgan.components.summarise.pages import write_pages
from simpgan.pipelines.runner.command_text import command_line

RESULTS, FINDINGS, COMMAND = "results.json", "findings.md", "command.txt"


def publish(runs: Sequence[Path], out: Path) -> list[ResultsRow]:
    """Merge the rows of `runs` with those published in `out`, and write its results.json and pages.

    A row replaces the published one of the same key. Confidence intervals and tests over probes need the probes of a
    run; published ones stay as long as their rows do.

    Args:
        runs: folders with a results.json, or such files.
        out: folder; results.md links to findings.md there, if there is one.

    Returns:
        All rows that are published now.

    Raises:
        UserError: a run has no results or damaged ones, or two runs contradict one another.
    """
    files = [results_file(run) for run in runs]
    published = out / RESULTS
    older = read_results(published) if published.is_file() else []
    kept = Statistics.read(published) if older else Statistics()
    rows = replace(older, join(map(rows_of, files)))
    if not rows:
        raise UserError("nothing in these runs was measured with labels: their checks.json and report.html say it all")
    probes = join_probes(map(read_probes_beside, files))
    statistics = Statistics.of(rows, probes).keeping(kept, older, rows)
    shown = sections(rows, statistics, probes)
    write_results(rows, published, statistics.lists())
    write_pages(out, shown, rows, FINDINGS if (out / FINDINGS).is_file() else "")
    return rows


def results_file(run: Path) -> Path:
    """Return the results.json of a run.

    Raises:
        UserError: there is none.
    """
    file = run / RESULTS if run.is_dir() else run
    if file.name != RESULTS or not file.is_file():
        raise UserError(f"{run} has no {RESULTS}: give the --out of a run that has ended, or its {RESULTS}")
    return file


def rows_of(file: Path) -> list[ResultsRow]:
    """Return the rows of a results file, with the command that started its run."""
    rows = read_results(file)
    beside = file.with_name(COMMAND)
    if not beside.is_file():
        return rows
    _, *arguments = shlex.split(beside.read_text()) or [""]
    command = command_line(arguments)
    return [row if row.command else row.model_copy(update={"command": command}) for row in rows]
