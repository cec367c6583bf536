"""The command line `simpgan`. Commands import what they need when they run, which keeps the help fast."""

import errno
import io
import logging
import os
import signal
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer

from simpgan.components.core.environment import whole_number
from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli import (
    compare,
    describe,
    export,
    export_model,
    images,
    models,
    rerun,
    results,
    run,
    schedule,
    search,
    serve,
    stages,
    submit,
    sync,
    trainjob,
    ui,
)
from simpgan.pipelines.cli.commands import CommandGroup, Commands, group
from simpgan.pipelines.cli.help import COMMON
from simpgan.pipelines.runner.errors import StageFailed

NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
INTERRUPTED = {128 + signal.SIGINT: "interrupted", 128 + signal.SIGTERM: "ended by SIGTERM"}
"""The message for an exit status; typer makes the first one of Ctrl-C."""

PANELS: dict[str, dict[str, Commands | Callable[..., None]]] = {
    "Start here": {
        "demo": run.demo,
        "run": group(
            "Run a pipeline on this machine.", adapt=run.run_adapt, table1=run.run_table1, retrain=run.run_retrain
        ),
        "ui": ui.ui,
    },
    "Data": {
        "ingest": stages.ingest,
        "join": stages.join,
        "demo-data": run.demo_data,
        "describe": describe.describe,
        "export": export.export,
        "drift": stages.drift,
        "watch": stages.watch,
        "ingest-part": stages.ingest_part,
        "merge": stages.merge,
    },
    "Stages": {
        "pretrain": stages.pretrain,
        "train-gan": stages.train_gan,
        "translate": stages.translate,
        "self-train": stages.self_train,
        "umdl": stages.umdl,
        "evaluate": stages.evaluate,
        "summarise": stages.summarise,
        "rerun": rerun.rerun,
    },
    "Results": {
        "compare": compare.compare,
        "results": results.results,
        "sync": sync.sync,
    },
    "Models": {
        "search": search.search,
        "gallery": search.gallery,
        "serve": serve.serve,
        "models": models.models,
        "propose": models.propose,
        "promote": models.promote,
        "rollback": models.rollback,
        "export-model": export_model.export_model,
    },
    "Cluster": {
        "submit": group(
            "Run a pipeline on a Kubeflow Pipelines server.",
            adapt=submit.submit_adapt,
            table1=submit.submit_table1,
            retrain=submit.submit_retrain,
            file=submit.submit_file,
        ),
        "schedule": group(
            "Start pipelines at set times on a Kubeflow Pipelines server.",
            apply=schedule.apply_schedules,
            list=schedule.list_schedules,
            remove=schedule.remove_schedules,
        ),
        "compile": run.compile_pipeline,
        "images": group(
            "Build, push and lock the container images of the stages.",
            build=images.build,
            push=images.push,
            lock=images.lock,
            check=images.check,
        ),
        "trainjob": trainjob.trainjob,
    },
}
"""All commands by the panel of `simpgan --help` that lists them, in the order of the help."""


class InOrder(CommandGroup):
    """The commands in the order of PANELS; typer lists groups behind all commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """List the commands in the order of PANELS."""
        return [name for commands in PANELS.values() for name in commands]


def print_version(wanted: bool) -> None:
    """Print the version of the installed package and exit, if wanted."""
    if wanted:
        typer.echo(version("simpgan"))
        raise typer.Exit


app = Commands(name="simpgan", cls=InOrder, epilog=COMMON, pretty_exceptions_enable=False)


@app.callback()
def simpgan(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find people on unlabelled cameras: train on labelled ones, and translate images between them."""


for panel, commands in PANELS.items():
    for name, command in commands.items():
        if isinstance(command, Commands):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)


def main() -> None:
    """Run the command line.

    The exit status is 2 for errors the user can fix, 1 for other failures, 130 after Ctrl-C and 143 after SIGTERM.
    """
    ensure_utf_8()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    os.environ.pop("MPLBACKEND", None)  # a notebook's backend may not be installed here, and figures need no window
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack letters of a name
    try:
        logging.getLogger("simpgan").setLevel(logging.WARNING if process() else logging.INFO)
        app()
    except UserError as error:
        end(str(error), 2)
    except StageFailed as error:
        end(str(error), 1)
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        end(f"cannot write: {where}{error.strerror}: free some space or choose another folder", 2)
    except SystemExit as ended:
        if isinstance(ended.code, int) and ended.code in INTERRUPTED:
            end(INTERRUPTED[ended.code], ended.code)
        raise


def ensure_utf_8() -> None:
    """Restart in Python's UTF-8 mode if the locale has another encoding, for this process and its stages.

    Otherwise an umlaut in a path could neither be sent to a server nor written into a page.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def end(message: str, status: int) -> None:
    """Print one line to stderr and exit. If torchrun started several processes, the line names this one."""
    rank = os.environ.get("RANK", "0")
    name = "simpgan" if rank in ("", "0") else f"simpgan, process {rank}"
    print(f"{name}: {message}", file=sys.stderr)
    sys.exit(status)


def process() -> int:
    """Return the rank that torchrun gave this process; 0 without torchrun.

    Raises:
        UserError: RANK is not a number.
    """
    return whole_number("RANK", 0)
