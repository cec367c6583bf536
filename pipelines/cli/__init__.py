"""The command line `simpgan`. What a command needs is imported when it runs, so that help comes at once."""

import errno
import io
import logging
import os
import signal
import sys

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.environment import whole_number
from simpgan.pipelines.cli import (
    compare,
    export,
    images,
    models,
    rerun,
    results,
    run,
    schedule,
    search,
    stages,
    submit,
    sync,
    trainjob,
    ui,
)
from simpgan.pipelines.cli.locations import Commands
from simpgan.pipelines.runner.stage_log import StageFailed

NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
INTERRUPTED = {128 + signal.SIGINT: "interrupted", 128 + signal.SIGTERM: "ended by SIGTERM"}
"""What is said for an exit status; typer makes the first one of Ctrl-C."""

app = Commands(
    name="simpgan",
    help="Find people on unlabelled cameras: train on labelled ones, and translate the images between them.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
run.register(app)
stages.register(app)
rerun.register(app)
export.register(app)
compare.register(app)
results.register(app)
submit.register(app)
schedule.register(app)
search.register(app)
images.register(app)
sync.register(app)
trainjob.register(app)
models.register(app)
ui.register(app)


def main() -> None:
    """Run the command line. Exits with 2 for what the user can put right, 1 for what they cannot, 130 on Ctrl-C,
    143 on SIGTERM.
    """
    ensure_utf_8()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    os.environ.pop("MPLBACKEND", None)  # a notebook's, which may not be installed here: figures need no window
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not have every letter of a name
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
    """Start again in Python's UTF-8 mode where the locale is of another encoding, for this process and its stages.

    An umlaut in a path could neither be sent to a server nor written into a page otherwise.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def end(message: str, status: int) -> None:
    """End the process with a line on stderr, which says which process it was where torchrun has started several."""
    rank = os.environ.get("RANK", "0")
    name = "simpgan" if rank in ("", "0") else f"simpgan, process {rank}"
    print(f"{name}: {message}", file=sys.stderr)
    sys.exit(status)


def process() -> int:
    """The number that torchrun gave this process; 0 without torchrun.

    Raises:
        UserError: RANK holds no number.
    """
    return whole_number("RANK", 0)
