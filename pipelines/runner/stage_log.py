"""The output of a stage: shown to the user, kept in a log, and searched for the reason of a failure."""

import codecs
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.progress import FOR_LOG
from simpgan.pipelines.runner.errors import StageFailed

EXECUTOR_LINE = re.compile(r"\[KFP Executor [\d-]+ [\d:,]+ (?P<level>\w+)\]: (?P<message>.*)", re.DOTALL)
EXECUTOR_CHATTER = ("Looking for component", "Loading KFP component", "Got executor_input", "Wrote executor output")
INDENT = "    "
TRACEBACK = "Traceback (most recent call last):"
# What Python says of a full disk, a full quota, and a folder that may not be written.
NOT_WRITABLE = re.compile(r"(OSError: \[Errno (28|30|122)\]|PermissionError: \[Errno \d+\]) (?P<text>.*)")
KILLED = {-9, -15, 128 + 9, 128 + 15}
"""Exit statuses of processes ended by SIGKILL or SIGTERM, as their parent and as a shell report them."""


@dataclass(frozen=True)
class Ended:
    """The end of an attempt at a stage.

    Attributes:
        status: exit status; 0 if the stage succeeded.
        disturbed: cause outside the stage's code and inputs, so that another attempt may succeed; empty if there is
            none.
        reason: cause, if the stage itself could not report it.
        refused: likewise, if the user can correct it.
    """

    status: int
    disturbed: str = ""
    reason: str = ""
    refused: str = ""

    @classmethod
    def with_status(cls, status: int) -> "Ended":
        """Interpret an exit status."""
        return cls(status, disturbed="killed" if status in KILLED else "")


class StageOutput:
    """Takes the output of one attempt at a stage.

    Args:
        log: file that keeps the whole output.
        again: True if the file has earlier attempts and is continued.
    """

    def __init__(self, log: Path, again: bool = False) -> None:
        self.log = log
        self.again = again
        self.traceback: list[str] = []

    def follow(self, chunks: Iterable[bytes]) -> None:
        """Show and keep the output to its end."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a" if self.again else "w") as log:
            for line in self.echoed(chunks, log):
                sys.stderr.write(line)
                sys.stderr.flush()

    def echoed(self, chunks: Iterable[bytes], log: TextIO) -> Iterator[str]:
        """Yield the lines for the user; write everything except passing states of progress bars to `log`."""
        skipping = ""  # the line that ends what is being skipped
        for line in pieces(chunks):
            if line.startswith(FOR_LOG):
                log.write(line.removeprefix(FOR_LOG))
                log.flush()
                continue
            if line.endswith("\n"):
                log.write(line)
            text = line.rstrip("\r\n")
            if text == TRACEBACK:
                self.traceback = [text]
            elif self.traceback:
                self.traceback.append(text)
            elif skipping:
                skipping = "" if text == skipping else skipping
            elif executor := EXECUTOR_LINE.fullmatch(line):
                if executor["message"].startswith("Got executor_input"):
                    skipping = "}"
                elif not executor["message"].startswith(EXECUTOR_CHATTER):
                    yield f"{INDENT}{executor['message']}"
            else:
                yield f"{INDENT}{line}" if text else line

    def failure(self, stage: str, ended: Ended) -> Exception:
        """Return the reason of the failure in one line, as an exception."""
        if ended.refused:
            return UserError(f"{stage}: {ended.refused}")
        # The exception follows the last frame, the first line that is not indented.
        said = next((line for line in self.traceback[1:] if line and not line[0].isspace()), "")
        if said.startswith(f"{UserError.__module__}."):
            return UserError(said.partition(": ")[2])
        if not_writable := NOT_WRITABLE.match(said):
            return UserError(f"{stage}: cannot write: {not_writable['text']}: free some space or choose another --out")
        if ended.reason or not said:
            said = ended.reason or (
                "ended without a word, as when memory runs out" if ended.disturbed else f"exit status {ended.status}"
            )
        return StageFailed(f"{stage} failed: {said} (all it said: {self.log})")


def pieces(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield lines, and the partial lines that a progress bar overwrites, each with its end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for chunk in chunks:
        text = (rest + decoder.decode(chunk)).replace("\r\n", "\n")
        *complete, rest = re.split(r"(?<=[\r\n])", text)
        yield from complete
    if rest:
        yield f"{rest}\n"
