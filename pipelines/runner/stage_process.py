"""A stage as a process on this machine."""

import hashlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from kfp import local

from simpgan import components
from simpgan.components.core.images import stage_of
from simpgan.components.core.process.task import TASK
from simpgan.pipelines.runner.folder_lock import FolderLock
from simpgan.pipelines.runner.kfp_patches import RunStage, subprocess_replaced
from simpgan.pipelines.runner.stage_log import INDENT, Ended, StageOutput

CODE = Path(components.__file__).parent
SECONDS_TO_END = 60  # a training finishes its step, and writes its checkpoint


class Processes:
    """Runs stages as processes with the code and packages of this one."""

    def __init__(self, lock: FolderLock, environment: Mapping[str, str] = os.environ) -> None:
        self.lock = lock
        self.environment = environment
        self.kfp_runner = local.SubprocessRunner(use_venv=False)

    def check(self, images: Sequence[str]) -> None:
        """Do nothing: no image is needed."""

    def code(self, image: str) -> str:
        """Return the part of the cache key for a stage's code."""
        return code_digest(stage_of(image))

    def start(self, image: str, command: Sequence[str], task: str, output: StageOutput) -> "StageProcess":
        """Start a stage whose run is recorded as `task`."""
        process = StageProcess(command, self.environment, task, output, inherited=[self.lock.stage])
        self.lock.note_stage(process.process.pid)
        return process

    def instead_of_kfp(self, run: RunStage) -> AbstractContextManager[None]:
        """Let kfp call `run` for every stage in this block."""
        return subprocess_replaced(run)


class StageProcess:
    """A command in its own process group."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        task: str,
        output: StageOutput,
        inherited: Sequence[int] = (),
    ) -> None:
        """Start the command. Its run is recorded as `task`; `inherited` file descriptors stay open in it."""
        self.output = output
        # kfp makes a folder for each stage and leaves it there; a stage that is killed leaves what it has.
        self.temporary = tempfile.TemporaryDirectory(prefix="simpgan-", ignore_cleanup_errors=True)
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
                env={
                    "OMP_WAIT_POLICY": "PASSIVE",
                    **environment,
                    "PYTHONUNBUFFERED": "1",
                    "TMPDIR": self.temporary.name,
                    TASK: task,
                },
            )
        finally:
            os.close(writing)

    def wait(self) -> Ended:
        """Follow the output until the command ends."""
        try:
            self.output.follow(iter(lambda: read(self.reading), b""))
            return Ended.with_status(self.process.wait())
        finally:
            # After an interrupt the stage may still be closing its run; what holds the output open is still there.
            while select.select([self.reading], [], [], SECONDS_TO_END)[0] and read(self.reading):
                pass
            self.kill(signal.SIGKILL)
            self.process.wait()
            os.close(self.reading)
            self.temporary.cleanup()

    def kill(self, with_signal: signal.Signals) -> None:
        """Send a signal to the command and all its processes, if any still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, with_signal)


def open_terminal() -> tuple[int, int]:
    """Return the reading and the writing end of a pseudo-terminal, as wide as the user's less the indentation."""
    reading, writing = os.openpty()
    columns, rows = shutil.get_terminal_size()
    termios.tcsetwinsize(writing, (rows, columns - len(INDENT)))
    return reading, writing


def read(file_descriptor: int) -> bytes:
    """Read some bytes; none at the end."""
    try:
        return os.read(file_descriptor, 65536)
    except OSError:  # how a pseudo-terminal says that its last writer has gone
        return b""


def code_digest(stage: str, root: Path = CODE) -> str:
    """Return the sha256 (hex) of the source files that a stage runs: its own and those of core."""
    digest = hashlib.sha256()
    for path in sorted([*(root / "core").rglob("*.py"), *(root / stage).rglob("*.py")]):
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
