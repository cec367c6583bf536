"""What the processes of test_launching do; they find it by its name."""

import os
import time
from pathlib import Path

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import Terminated, sigterm_raises
from simpgan.components.core.training.distributed import from_first, process_group, process_rank


def meet(folder: Path, refuse: bool = False) -> None:
    """Write what this process is, and what the first one told it."""
    with process_group():
        if refuse:
            raise UserError("the number is odd: choose an even one")
        told = from_first(7 * (1 + process_rank()))
        (folder / os.environ["RANK"]).write_text(f"{process_rank()} of {os.environ['WORLD_SIZE']} was told {told}")


def note(folder: Path) -> None:
    """Write which process this is."""
    folder.mkdir(exist_ok=True)
    (folder / "process").write_text(str(os.getpid()))


def work(folder: Path) -> None:
    """Write which process this is, and when it is told to end, that it did what was left to do."""
    with sigterm_raises():
        note(folder / os.environ["RANK"])
        try:
            time.sleep(300)
        except Terminated:
            (folder / os.environ["RANK"] / "ended").touch()
            raise
