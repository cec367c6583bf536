"""The command line of a run, without private paths."""

import re
import shlex
from collections.abc import Sequence

PATH = re.compile(r"(?P<name>(--[\w-]+=)?((?!s3:)[\w.-]+[:=])?)(?P<path>.*/.*)")


def command_line(arguments: Sequence[str]) -> str:
    """Join `simpgan` and its arguments, quoted for a shell; of each path only the last part stays.

    The other folders are private, and differ on every machine.
    """
    return shlex.join(["simpgan", *(without_folders(argument) for argument in arguments)])


def without_folders(argument: str) -> str:
    """Shorten `--out=/home/me/runs/one` to `--out=one`, and `market1501:/data/Market/` to `market1501:Market`."""
    match = PATH.fullmatch(argument)
    if not match:
        return argument
    return match["name"] + match["path"].rstrip("/").rpartition("/")[2]
