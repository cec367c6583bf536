"""The command that reruns one task of a past run."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from simpgan.pipelines.cli.locations import a_place, a_run
from simpgan.pipelines.cli.options import RunnerOption, SetOption
from simpgan.pipelines.cli.run import name_store
from simpgan.pipelines.config.defaults import Runner


def rerun(
    run: Annotated[
        str,
        typer.Argument(callback=a_run, help="Run of a pipeline or stage: its --out, or its id in MLflow."),
    ],
    stage: Annotated[str, typer.Argument(help="Stage, such as train_gan; or the name of a task's run in MLflow.")],
    assignments: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder for the outputs; by default rerun-STAGE-TIME."),
    ] = None,
    data_root: Annotated[
        str | None,
        typer.Option(
            "--data-root",
            metavar="PLACE",
            callback=a_place,
            help="Folder or s3:// prefix of the images; by default the run's.",
        ),
    ] = None,
    runner: RunnerOption = Runner.SUBPROCESS,
) -> None:
    """Rerun one stage of a past run on this machine.

    Inputs and settings are those of the past run, except for the settings that --set changes.
    """
    from simpgan.pipelines.cli.run import place_of_data
    from simpgan.pipelines.runner.relocation import DataRoot
    from simpgan.pipelines.runner.rerun import manifests_of, prepare_rerun, run_again
    from simpgan.pipelines.runner.task_records import find_past_task

    folder = (out or Path(f"rerun-{stage.split()[0]}-{datetime.now():%Y%m%d-%H%M%S}")).resolve()
    record_where(Path(run), folder)
    past = find_past_task(run, stage)
    again = prepare_rerun(past, assignments or [], runner, data_root and place_of_data(data_root))
    typer.echo(f"{past.name} again; {'differs: ' + ', '.join(again.differences) if again.differences else 'no change'}")
    recorded, now = (each.parameters.get("data_root", "") for each in (past, again.task))
    with DataRoot(now, "--data-root" if data_root else f"the run {run}", recorded).explained(*manifests_of(again.task)):
        digests = run_again(again, past, folder, runner)
    typer.echo("\n".join([f"Made:  {folder}", *(f"       {name}: digest {each}" for name, each in digests.items())]))


def record_where(run: Path, out: Path) -> None:
    """Set the MLflow store: that of the environment, else that in the run's folder, else one in `out`."""
    if run.is_dir():
        beside = run if (run / "mlflow.db").is_file() else out
        name_store(beside)
