"""Lock an output folder for one run, and end a stage that is left over from a run that was killed."""

import fcntl
import hashlib
import os
import signal
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from simpgan.components.core.errors import UserError

CONTAINER = "container "
LONGEST_NOTE = 60


def container_of(folder: Path) -> str:
    """Return the name of the container of the stage that works in `folder`; there is one at a time."""
    return f"simpgan-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"


class FolderLock:
    """Locks a folder for a run.

    The run holds `.run.lock`. The stage in work holds `.stage.lock`, also after the run was killed. A container cannot
    hold it, so its name is written into the file as long as the container exists.

    Attributes:
        stage: file descriptor to keep open in a stage's process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        """Lock the folder.

        Raises:
            UserError: another run has it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run = os.open(self.folder / ".run.lock", os.O_RDWR | os.O_CREAT)
        self.stage = os.open(self.folder / ".stage.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self.run, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.__exit__(None, None, None)
            raise UserError(
                f"another run is working in {self.folder}: wait for its end, or choose another --out"
            ) from None
        try:
            fcntl.flock(self.stage, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # the process group noted there works on, though its run has gone
            with suppress(ProcessLookupError, ValueError):
                os.killpg(int(self.read_note()), signal.SIGKILL)
            fcntl.flock(self.stage, fcntl.LOCK_EX)
        # The note of a copied folder is about the original.
        if self.read_note() == f"{CONTAINER}{container_of(self.folder)}":
            self.end_container(container_of(self.folder))
        return self

    def note_stage(self, process_group: int) -> None:
        """Write down the process group to end if this run is killed."""
        self.write_note(str(process_group))

    def note_container(self, name: str) -> None:
        """Write down the container to end if this run is killed."""
        self.write_note(f"{CONTAINER}{name}")

    def forget_container(self) -> None:
        """Note that the container is gone."""
        self.write_note("")

    def write_note(self, text: str) -> None:
        """Replace the note in the file."""
        os.pwrite(self.stage, f"{text:{LONGEST_NOTE}}".encode(), 0)

    def read_note(self) -> str:
        """Return the note in the file."""
        return os.pread(self.stage, LONGEST_NOTE, 0).decode().strip()

    def end_container(self, name: str) -> None:
        """End a container that still works although its run is gone.

        Raises:
            UserError: the engine cannot be asked.
        """
        from simpgan.pipelines.runner.docker_engine import end_container

        try:
            end_container(name)
        except UserError as error:
            self.__exit__(None, None, None)
            raise UserError(
                f"the container {name} of an earlier run may still work in {self.folder}: {error}"
            ) from None
        self.forget_container()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.stage)
        os.close(self.run)
