"""Where a number came from: the hardware, the day and the code's commit."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

COMMIT = "SIMPGAN_COMMIT"
"""Environment variable that names the commit where the code runs without its repository, as in a container."""

IMAGE = "SIMPGAN_IMAGE"
"""Environment variable that names the container image a stage runs in, by its digest where it has one."""

PROCESSORS = Path("/proc/cpuinfo")


@cache
def hardware() -> str:
    """The GPU's name, or the CPU's model and how many threads compute on it."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{processor()}, {threads} thread{'s' if threads > 1 else ''}"


def processor() -> str:
    """The CPU's model; where Linux does not tell, its architecture."""
    fields = (line.partition(":") for line in PROCESSORS.read_text().splitlines()) if PROCESSORS.is_file() else ()
    models = (" ".join(value.split()) for name, _, value in fields if name.strip() == "model name")
    return next(models, "") or platform.machine()


def today() -> str:
    """The day, YYYY-MM-DD, in UTC."""
    return datetime.now(UTC).date().isoformat()


def image() -> str:
    """The container image that this process runs in, as whoever started it says; empty where nobody does."""
    return os.environ.get(IMAGE, "")


def commit(file: Path = Path(__file__)) -> str:
    """The commit of the code: `SIMPGAN_COMMIT`, else that of the repository that holds `file`.

    It ends with `-dirty` when tracked files differ from the commit, and is `unknown` where git knows nothing of
    `file`, as in a package that happens to be installed inside of somebody's repository.
    """
    if named := os.environ.get(COMMIT):
        return named
    return commit_of_repository(file)


@cache
def commit_of_repository(file: Path) -> str:
    """As `commit`, whatever the environment says; git is asked once."""
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
