"""Where a number came from: hardware, date and the code's commit."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

COMMIT = "SIMPGAN_COMMIT"
"""Environment variable with the commit of code that runs without its repository, as in a container."""

IMAGE = "SIMPGAN_IMAGE"
"""Environment variable with the container image that a stage runs in, by its digest if it has one."""

PROCESSORS = Path("/proc/cpuinfo")


@cache
def hardware() -> str:
    """Return the GPU's name, or the CPU's model and its number of computing threads."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{processor()}, {threads} thread{'s' if threads > 1 else ''}"


def processor() -> str:
    """Return the CPU's model, or its architecture if Linux does not tell the model."""
    fields = (line.partition(":") for line in PROCESSORS.read_text().splitlines()) if PROCESSORS.is_file() else ()
    models = (" ".join(value.split()) for name, _, value in fields if name.strip() == "model name")
    return next(models, "") or platform.machine()


def today() -> str:
    """Return the date, YYYY-MM-DD, in UTC."""
    return datetime.now(UTC).date().isoformat()


def image() -> str:
    """Return the container image that this process runs in, as its runner names it; empty if it does not."""
    return os.environ.get(IMAGE, "")


def commit(file: Path = Path(__file__)) -> str:
    """Return the commit of the code: `SIMPGAN_COMMIT`, else the commit of the repository that holds `file`.

    It ends with `-dirty` if tracked files differ from the commit. It is `unknown` if git does not track `file`, such as
    in an installed package inside another repository.
    """
    if named := os.environ.get(COMMIT):
        return named
    return commit_of_repository(file)


@cache
def commit_of_repository(file: Path) -> str:
    """Return the commit as `commit` does, ignoring the environment; git is asked once."""
    git = ["git", "-C", str(file.parent)]
    try:
        subprocess.run([*git, "ls-files", "--error-unmatch", file.name], check=True, capture_output=True)
        described = subprocess.run(
            [*git, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()
