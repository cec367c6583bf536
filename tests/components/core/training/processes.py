"""What the processes of test_launching do; they find it by its name."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import Terminated, sigterm_raises
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.training.checkpoint import Checkpoint, checkpoint_key
from simpgan.components.core.training.distributed import from_first, is_first, process_group, process_rank
from simpgan.components.core.training.loop import train

STEPS = 6
KILLED_AT = 3


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


class Counter:
    """Counts its steps. The last process is killed once, as by a kernel without memory, at step KILLED_AT."""

    images_per_step = 1
    ended = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = torch.zeros(())

    def step(self, step: int) -> Mapping[str, Tensor]:
        rank = int(os.environ.get("RANK", "0"))
        write_line(self.folder / f"steps-{rank}", str(step))
        is_last = rank + 1 == int(os.environ.get("WORLD_SIZE", "1"))
        if step == KILLED_AT and is_last and not (self.folder / "killed").exists():
            (self.folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        self.count = self.count + 1
        return {"count": self.count}

    def state(self) -> Mapping[str, Any]:
        return {"count": self.count}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.count = state["count"]

    def show(self, done: int) -> None:
        pass


def count(folder: Path) -> None:
    """Train a counter, with a checkpoint after every step."""
    checkpoint = Checkpoint(str(folder), checkpoint_key("count", {"steps": STEPS}, {"source": "sha256:1"}))
    with (
        process_group(),
        checkpoint.locked(),
        stage_run("count", settings={}, history=checkpoint.history, recorded=is_first()) as run,
    ):
        train(Counter(folder), name="count", steps=STEPS, checkpoint=checkpoint, every_seconds=0, run=run)


def end_by(folder: Path, how: str) -> None:
    """Write that this process has started, and end it by a refusal, an error of the code, or SIGKILL."""
    write_line(folder / "starts", os.environ["RANK"])
    if how == "refusal":
        raise UserError("the number is odd: choose an even one")
    if how == "error":
        raise ZeroDivisionError
    os.kill(os.getpid(), signal.SIGKILL)


def write_line(path: Path, line: str) -> None:
    """Append a line to a file."""
    with path.open("a") as file:
        file.write(f"{line}\n")
