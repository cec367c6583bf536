"""The commands that start pipelines again and again on a Kubeflow Pipelines server."""

from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import Commands
from simpgan.pipelines.cli.submit import HostOption, NamespaceOption, TokenFileOption

FilesArgument = Annotated[
    list[Path] | None, typer.Argument(help="Files of schedules. Without: all of --folder, and no others.")
]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Folder of schedules. Default: pipelines/cluster/schedules.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    schedule = Commands(help="Start pipelines at set times on a Kubeflow Pipelines server.", no_args_is_help=True)
    schedule.command("apply")(apply_schedules)
    schedule.command("list")(list_schedules)
    schedule.command("remove")(remove_schedules)
    app.add_typer(schedule, name="schedule")


def apply_schedules(
    host: HostOption,
    files: FilesArgument = None,
    folder: FolderOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
) -> None:
    """Bring the server's recurring runs to what the files say; says what it created, replaced, left and removed.

    Recurring runs that simpgan did not create stay as they are.
    """
    from simpgan.pipelines.cluster.schedules import FOLDER, files_in, read_all

    schedules = read_all(files or files_in(folder or FOLDER))

    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.schedules.reconciling import apply, wanted

    checked = [wanted(each) for each in schedules]
    for note in dict.fromkeys(note for each in checked for note in each.request.notes):
        typer.echo(note, err=True)
    for line in apply(Server(host, token_file, namespace), checked, whole=not files):
        typer.echo(line)


def list_schedules(host: HostOption, token_file: TokenFileOption = None, namespace: NamespaceOption = None) -> None:
    """The schedules on the server that simpgan created: name, times in UTC, whether they are on, since when."""
    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.schedules.reconciling import own

    for each in own(Server(host, token_file, namespace)):
        created = each.recurring_run.created_at
        since = f", since {created:%Y-%m-%d %H:%M} UTC" if created else ""
        typer.echo(f"{each.name}: {each.cron} UTC, {'on' if each.enabled else 'off'}{since}")


def remove_schedules(
    host: HostOption,
    files: FilesArgument = None,
    every: Annotated[bool, typer.Option("--all", help="Every schedule that simpgan created.")] = False,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
) -> None:
    """Take schedules off the server, by their files (which need not be there any more) or names."""
    if bool(files) == every:
        raise UserError("give the files or names of the schedules to remove, or --all")

    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.schedules.reconciling import own, remove

    server = Server(host, token_file, namespace)
    there = own(server)
    names = {each.name for each in there} if every else {path.stem for path in files or []}
    for line in remove(server, names, there):
        typer.echo(line)
