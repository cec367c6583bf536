"""The command that compares runs."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import a_run


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(callback=a_run, help="Runs: ids in MLflow, or the --out of runs on this machine."),
    ] = None,
    experiment: Annotated[
        str, typer.Option("--experiment", metavar="NAME", help="Add all runs with results of this MLflow experiment.")
    ] = "",
    method: Annotated[
        str, typer.Option("--method", metavar="NAMES", help="Methods to compare; by default the main one of each run.")
    ] = "",
    baseline: Annotated[
        str,
        typer.Option("--baseline", metavar="RUN", callback=a_run, help="Run to compare with; by default the best one."),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder for compare.html, compare.json and compare.csv."),
    ] = None,
) -> None:
    """Compare runs: accuracy, significance of the differences, and settings that differ.

    With --out, also write a page with CMC curves and their intervals.
    """
    from simpgan.pipelines.reports.comparison.groups import grouped
    from simpgan.pipelines.reports.comparison.runs import read_runs
    from simpgan.pipelines.reports.comparison.tables import in_terminal

    if not runs and not experiment:
        raise UserError("compare: nothing to compare: give ids or folders of runs, or --experiment NAME")
    found = read_runs(runs or [], experiment)
    if not found:
        raise UserError(f"--experiment {experiment}: none of its runs has results that can be read")
    groups = grouped(found, [name.strip() for name in method.split(",") if name.strip()], baseline)
    typer.echo(in_terminal(groups))
    if out:
        from simpgan.pipelines.reports.comparison.pages import write

        write(groups, out)
        typer.echo(f"\nThe page: {out / 'compare.html'}")
