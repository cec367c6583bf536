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


def apply_schedules(
    host: HostOption,
    files: FilesArgument = None,
    folder: FolderOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
) -> None:
    """Create, replace and remove recurring runs on the server to match the files.

    Recurring runs that simpgan did not create stay unchanged.
    """
    from simpgan.pipelines.cluster.schedules import FOLDER, files_in, read_all

    schedules = read_all(files or files_in(folder or FOLDER))

    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.schedules.reconciling import apply, wanted

    checked = [wanted(each) for each in schedules]
    for note in dict.fromkeys(note for each in checked for note in each.submission.notes):
        typer.echo(note, err=True)
    for line in apply(Server(host, token_file, namespace), checked, whole=not files):
        typer.echo(line)


def list_schedules(host: HostOption, token_file: TokenFileOption = None, namespace: NamespaceOption = None) -> None:
    """List the schedules that simpgan created on the server, with times in UTC."""
    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.schedules.reconciling import own

    for each in own(Server(host, token_file, namespace)):
        created = each.recurring_run.created_at
        since = f", since {created:%Y-%m-%d %H:%M} UTC" if created else ""
        typer.echo(f"{each.name}: {each.cron} UTC, {'on' if each.enabled else 'off'}{since}")


def remove_schedules(
    host: HostOption,
    files: Annotated[list[Path] | None, typer.Argument(help="Files or names of schedules.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Remove every schedule that simpgan created.")] = False,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
) -> None:
    """Remove schedules from the server, by file or name.

    The files may be deleted already.
    """
    if bool(files) == every:
        raise UserError("give the files or names of the schedules to remove, or --all")

    from simpgan.pipelines.cluster.client import Server
    from simpgan.pipelines.cluster.schedules.reconciling import own, remove

    server = Server(host, token_file, namespace)
    there = own(server)
    names = {each.name for each in there} if every else {path.stem for path in files or []}
    for line in remove(server, names, there):
        typer.echo(line)
