"""The command line that a run was started with, as it may be shown to others."""

import re
import shlex
from collections.abc import Sequence

PATH = re.compile(r"(?P<name>(--[\w-]+=)?((?!s3:)[\w.-]+[:=])?)(?P<path>.*/.*)")


def command_line(arguments: Sequence[str]) -> str:
    """`simpgan` with its arguments on one line, quoted for a shell; of a path only what stands last is left.

    Where somebody's folders are concerns nobody else, and differs wherever the command is given again.
    """
    return shlex.join(["simpgan", *(without_folders(argument) for argument in arguments)])


def without_folders(argument: str) -> str:
    """`--out=/home/me/runs/one` as `--out=one`, `market1501:/data/Market/` as `market1501:Market`."""
    match = PATH.fullmatch(argument)
    if not match:
        return argument
    return match["name"] + match["path"].rstrip("/").rpartition("/")[2]
