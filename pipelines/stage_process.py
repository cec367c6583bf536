"""One stage's process: its output shown and kept, and the reason it failed with."""

import codecs
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from components.core.runtime.errors import UserError

EXECUTOR_LINE = re.compile(r"\[KFP Executor [\d-]+ [\d:,]+ (?P<level>\w+)\]: (?P<message>.*)", re.DOTALL)
EXECUTOR_CHATTER = ("Looking for component", "Loading KFP component", "Got executor_input", "Wrote executor output")
INDENT = "    "
SECONDS_TO_END = 20
TRACEBACK = "Traceback (most recent call last):"
# What Python says of a full disk, a full quota, and a folder that may not be written.
NOT_WRITABLE = re.compile(r"(OSError: \[Errno (28|30|122)\]|PermissionError: \[Errno \d+\]) (?P<text>.*)")


class StageFailed(Exception):
    """A stage ended for a reason that is no fault of the user's."""


class StageProcess:
    """Runs a command to its end, keeps its output in `log`, and shows what a reader wants of it."""

    def __init__(self, command: Sequence[str], log: Path, task: str = "", inherited: Sequence[int] = ()) -> None:
        """Start the command. Its run is recorded as `task`; `inherited` file descriptors stay open in it."""
        self.log = log
        self.traceback: list[str] = []
        # Only a terminal gets progress bars, so give the stage one where the reader has one.
        self.reading, writing = open_terminal() if sys.stderr.isatty() else os.pipe()
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                process_group=0,
                pass_fds=inherited,
                # Threads that spin while they wait would take the cores from whatever else runs on this machine.
                env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONUNBUFFERED": "1", "SIMPGAN_TASK": task},
            )
        finally:
            os.close(writing)

    def wait(self) -> int:
        """Follow the output until the command ends. Returns its exit status."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.log.open("w") as log:
                for line in self.echoed(log):
                    sys.stderr.write(line)
                    sys.stderr.flush()
            return self.process.wait()
        finally:
            # After an interrupt the stage may still be closing its run; what holds the output open is still there.
            while select.select([self.reading], [], [], SECONDS_TO_END)[0] and read(self.reading):
                pass
            self.kill(signal.SIGKILL)
            self.process.wait()
            os.close(self.reading)

    def kill(self, with_signal: signal.Signals) -> None:
        """Send a signal to the command and all it started, if anything of it still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, with_signal)

    def echoed(self, log: TextIO) -> Iterator[str]:
        """The lines for the reader; all but the passing states of progress bars go to `log`."""
        skipping = ""  # the line that ends what is being skipped
        for line in pieces(self.reading):
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

    def failure(self, stage: str) -> Exception:
        """Why the command failed, in one line."""
        code = self.process.returncode
        # The exception follows the last frame, the first line that is not indented.
        said = next((line for line in self.traceback[1:] if line and not line[0].isspace()), "")
        if said.startswith(f"{UserError.__module__}."):
            return UserError(said.partition(": ")[2])
        if not_writable := NOT_WRITABLE.match(said):
            return UserError(f"{stage}: cannot write: {not_writable['text']}: free some space or choose another --out")
        if not said:
            said = "ended without a word, as when memory runs out" if code in (-9, 137) else f"exit status {code}"
        return StageFailed(f"{stage} failed: {said} (all it said: {self.log})")


def open_terminal() -> tuple[int, int]:
    """Both ends of a pseudo-terminal as wide as the reader's, less the indentation: for reading, for writing."""
    reading, writing = os.openpty()
    columns, rows = shutil.get_terminal_size()
    termios.tcsetwinsize(writing, (rows, columns - len(INDENT)))
    return reading, writing


def pieces(file_descriptor: int) -> Iterator[str]:
    """Lines, and the partial lines that a progress bar overwrites, each with its end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while chunk := read(file_descriptor):
        text = (rest + decoder.decode(chunk)).replace("\r\n", "\n")
        *complete, rest = re.split(r"(?<=[\r\n])", text)
        yield from complete
    if rest:
        yield f"{rest}\n"


def read(file_descriptor: int) -> bytes:
    """Some bytes, or none at the end."""
    try:
        return os.read(file_descriptor, 65536)
    except OSError:  # how a pseudo-terminal says that its last writer has gone
        return b""
