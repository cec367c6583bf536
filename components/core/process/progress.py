"""Progress of long work: a bar on a terminal, a line now and then in a log."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TextIO, TypeVar

from tqdm import tqdm

from simpgan.components.core.process.stoppable import stop_if_told
from simpgan.components.core.process.task import TASK

SECONDS_BETWEEN_LINES = 30.0
FOR_LOG = "\x1e"
"""Begins a line that belongs in a stage's log but not on the terminal, which shows the bar."""
LINE = "{desc}: {n_fmt}/{total_fmt} {unit}s, {rate_fmt}, {elapsed} gone, {remaining} left{postfix}"

Item = TypeVar("Item")


class Progress:
    """Shows on standard error how much of the work is done.

    A terminal gets tqdm's bar. Without a terminal, as under nohup or in CI, a line is written every 30 seconds. A stage
    of a pipeline whose user is at a terminal shows the bar, and writes the lines for its log.

    Args:
        what: the work, in a few words.
        total: number of units in all.
        unit: name of a unit, such as "image".
        done: number of units done before.
        shown: False in a process that leaves this to another one.
    """

    def __init__(self, what: str, total: int, unit: str, *, done: int = 0, shown: bool = True) -> None:
        self.bars: list[tqdm[Any]] = []
        self.lines: list[tqdm[Any]] = []
        common: dict[str, Any] = {"desc": what, "total": total, "initial": done, "unit": unit, "position": 0}
        terminal = sys.stderr.isatty()
        if shown and terminal:
            self.bars.append(tqdm(**common))
        if shown and (not terminal or TASK in os.environ):
            file = Lines(sys.stderr, FOR_LOG if terminal else "")
            every = SECONDS_BETWEEN_LINES
            line: dict[str, Any] = {"bar_format": LINE, "mininterval": every, "delay": every, "miniters": 1}
            self.lines.append(tqdm(file=file, **line, **common))

    def update(self, count: int = 1) -> None:
        """Count further units as done.

        Raises:
            Stopped: the work was told to stop.
        """
        stop_if_told()
        for bar in (*self.bars, *self.lines):
            bar.update(count)

    def losses(self, values: Mapping[str, float]) -> None:
        """Show the current losses in the lines; other values are skipped."""
        losses = {name.removeprefix("loss/"): f"{value:.4g}" for name, value in values.items() if "loss/" in name}
        for bar in self.lines:
            bar.set_postfix(losses, refresh=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for bar in (*self.bars, *self.lines):
            bar.close()


def with_progress(items: Iterable[Item], what: str, total: int, unit: str) -> Iterator[Item]:
    """Yield the items, each one unit of work that is done when the next one is requested."""
    with Progress(what, total, unit) as progress:
        for item in items:
            yield item
            progress.update()


class Lines:
    """A file for tqdm that writes each state of a bar as a line, without carriage return.

    Args:
        file: where the lines go.
        before: prefix of each line.
    """

    def __init__(self, file: TextIO, before: str) -> None:
        self.file, self.before = file, before

    def write(self, text: str) -> None:
        """Write a state as a line; text that only moves the cursor is skipped."""
        if state := text.strip():
            # The bar on the same terminal ends without a line break: the carriage return makes this a line of its own.
            self.file.write(f"\r{self.before}{state}\n" if self.before else f"{state}\n")

    def flush(self) -> None:
        """Write buffered text."""
        self.file.flush()
