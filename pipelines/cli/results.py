"""The command that publishes results: rows of several runs as one file with its pages."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("results")(results)


def results(
    runs: Annotated[list[Path], typer.Argument(help="The --out of a run or a summary, or its results.json.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of results.json and its pages.")] = Path("docs"),
) -> None:
    """Merge the rows of runs into results.json and write its pages; rows of the same key are replaced."""
    from simpgan.components.summarise.pages import PAGES
    from simpgan.pipelines.reports.results_page import RESULTS, publish

    rows = publish(runs, out)
    files = ", ".join(str(out / name) for name in (RESULTS, *PAGES))
    typer.echo(f"{len(rows)} rows: {files}")
