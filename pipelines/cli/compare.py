"""The command that holds runs against one another."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import a_run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(callback=a_run, help="Ids of runs in MLflow, or folders: the --out of runs on this machine."),
    ] = None,
    experiment: Annotated[
        str, typer.Option("--experiment", help="Also every run with results of this MLflow experiment.")
    ] = "",
    method: Annotated[
        str, typer.Option("--method", help="Methods to compare, with commas; without, what each run was made for.")
    ] = "",
    baseline: Annotated[
        str, typer.Option("--baseline", callback=a_run, help="Run to hold the others against; without, the best one.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for compare.html, compare.json and compare.csv.")
    ] = None,
) -> None:
    """Compare runs: rates, CMC curves with intervals, what differs, and whether it is more than chance."""
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
