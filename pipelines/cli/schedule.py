"""The commands that schedule pipelines on a Kubeflow Pipelines server."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.submit import HostOption, NamespaceOption, TokenFileOption

FilesArgument = Annotated[
    list[Path] | None, typer.Argument(help="Files of schedules; by default all in --folder, and no others.")
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", metavar="FOLDER", help="Folder of schedules; by default pipelines/cluster/schedules."),
]


NowOption = Annotated[
    bool, typer.Option("--now", help="End the runs of replaced and removed schedules at once, also in MLflow.")
]


def apply_schedules(
    host: HostOption,
    files: FilesArgument = None,
    folder: FolderOption = None,
    now: NowOption = False,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
) -> None:
    """Create, replace and remove recurring runs on the server to match the files.

    A run that a replaced or removed schedule has started continues to its end. Recurring runs that simpgan did not
    create stay unchanged.
    """
    from simpgan.pipelines.cluster.schedules import FOLDER, files_in, read_all

    schedules = read_all(files or files_in(folder or FOLDER))

    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.schedules.reconciling import apply, wanted

    checked = [wanted(each) for each in schedules]
    for note in dict.fromkeys(note for each in checked for note in each.submission.notes):
        typer.echo(note, err=True)
    for line in apply(Server(host, token_file, namespace), checked, whole=not files, now=now):
        typer.echo(line)


def list_schedules(host: HostOption, token_file: TokenFileOption = None, namespace: NamespaceOption = None) -> None:
    """List the schedules that simpgan created on the server, with times in UTC.

    Replaced and removed ones are listed until their runs have ended.
    """
    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.schedules.reconciling import tidy

    for each, open_runs in tidy(Server(host, token_file, namespace)):
        state = "on" if each.enabled else "off"
        if open_runs:
            state = f"ends with {', '.join(run.display_name for run in open_runs)}"
        typer.echo(f"{each.name}: {each.cron} UTC, {state}, since {each.recurring_run.created_at:%Y-%m-%d %H:%M} UTC")


def remove_schedules(
    host: HostOption,
    files: Annotated[list[Path] | None, typer.Argument(help="Files or names of schedules.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Remove every schedule that simpgan created.")] = False,
    now: NowOption = False,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
) -> None:
    """Remove schedules from the server, by file or name.

    The files may be deleted already. A run that a schedule has started continues to its end.
    """
    if bool(files) == every:
        raise UserError("give the files or names of the schedules to remove, or --all")

    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.schedules.reconciling import own, remove

    server = Server(host, token_file, namespace)
    there = own(server)
    names = set(there) if every else {path.stem for path in files or []}
    for line in remove(server, names, there, now=now):
        typer.echo(line)
