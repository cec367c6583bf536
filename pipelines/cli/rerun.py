"""The command that does one task of a past run again."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from simpgan.pipelines.cli.locations import a_place, a_run
from simpgan.pipelines.cli.options import RunnerOption, SetOption
from simpgan.pipelines.cli.run import name_store
from simpgan.pipelines.config.defaults import Runner


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rerun")(rerun)


def rerun(
    run: Annotated[
        str,
        typer.Argument(callback=a_run, help="The --out of a run, or the id of an MLflow run, of a pipeline or stage."),
    ],
    stage: Annotated[str, typer.Argument(help="Stage, such as train_gan; or a task by the name of its run in MLflow.")],
    assignments: SetOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for all that the stage makes. Without: rerun-STAGE-TIME, here.")
    ] = None,
    data_root: Annotated[
        str | None,
        typer.Option(
            "--data-root", callback=a_place, help="Where its images are now. Without: where the past run had them."
        ),
    ] = None,
    runner: RunnerOption = Runner.SUBPROCESS,
) -> None:
    """Run one stage of a past run again, here, with the same inputs and settings but for those that --set changes."""
    from simpgan.pipelines.cli.run import place_of_data
    from simpgan.pipelines.runner.relocation import DataRoot
    from simpgan.pipelines.runner.rerun import changed, manifests_of, run_again
    from simpgan.pipelines.runner.task_records import find_past_task

    folder = (out or Path(f"rerun-{stage.split()[0]}-{datetime.now():%Y%m%d-%H%M%S}")).resolve()
    record_where(Path(run), folder)
    past = find_past_task(run, stage)
    again = changed(past, assignments or [], runner, data_root and place_of_data(data_root))
    typer.echo(f"{past.name} again; {'differs: ' + ', '.join(again.differences) if again.differences else 'no change'}")
    recorded, now = (each.parameters.get("data_root", "") for each in (past, again.task))
    with DataRoot(now, "--data-root" if data_root else f"the run {run}", recorded).explained(*manifests_of(again.task)):
        digests = run_again(again, past, folder, runner)
    typer.echo("\n".join([f"Made:  {folder}", *(f"       {name}: digest {each}" for name, each in digests.items())]))


def record_where(run: Path, out: Path) -> None:
    """Record where the environment says; without, where the folder of the run does, else in that of the new one."""
    if run.is_dir():
        beside = run if (run / "mlflow.db").is_file() else out
        name_store(beside)
