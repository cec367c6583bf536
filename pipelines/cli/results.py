"""The command that merges the results of several runs into one file with its pages."""

from pathlib import Path
from typing import Annotated

import typer


def results(
    runs: Annotated[list[Path], typer.Argument(help="The --out of runs or of summarise, or results.json files.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for results.json and its pages.")] = Path(
        "docs"
    ),
) -> None:
    """Merge the results of several runs into one file with its pages.

    Rows of the same key are replaced.
    """
    from simpgan.components.summarise.pages import FILES
    from simpgan.pipelines.reports.results_page import RESULTS, publish

    rows = publish(runs, out)
    files = ", ".join(str(out / name) for name in (RESULTS, *FILES))
    typer.echo(f"{len(rows)} rows: {files}")
