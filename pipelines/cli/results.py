"""The command that publishes results: rows of several runs as one file and one page."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("results")(results)


def results(
    runs: Annotated[list[Path], typer.Argument(help="The --out of a run or a summary, or its results.json.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of results.json, results.md and results.html.")] = Path(
        "docs"
    ),
) -> None:
    """Merge the rows of runs into results.json, .md and .html; rows that are there already are replaced."""
    from simpgan.pipelines.reports.results_page import HTML, PAGE, RESULTS, publish

    rows = publish(runs, out)
    files = ", ".join(str(out / name) for name in (RESULTS, PAGE, HTML))
    typer.echo(f"{len(rows)} rows: {files}")
