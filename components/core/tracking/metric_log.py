"""The metric history on disk: the exact record of a run, and the source of what is sent to MLflow."""

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError


@dataclass(frozen=True)
class Entry:
    """The measurements of one step.

    Attributes:
        step: training step, or rank for a CMC curve; None for the final values of a run.
        time: milliseconds since 1970.
        values: metric name to value; may be NaN or infinite.
    """

    step: int | None
    time: int
    values: Mapping[str, float]

    def to_line(self) -> bytes:
        """Return one line of strict JSON. NaN and infinities, which JSON lacks, become strings."""
        values = {name: value if math.isfinite(value) else str(value) for name, value in self.values.items()}
        return json.dumps({"step": self.step, "time": self.time, "values": values}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Invert `to_line`, bit for bit.

        Raises:
            ValueError, KeyError, TypeError: the line is damaged.
        """
        record = json.loads(line)
        values = {name: float(value) for name, value in record["values"].items()}
        return cls(record["step"], record["time"], values)


def read_history(path: Path) -> list[Entry]:
    """Return every complete entry of a history file in the order of writing; empty if there is no file."""
    return list(MetricLog(path).entries()) if path.exists() else []


class MetricLog:
    """A file of `Entry` lines that one thread appends to and another reads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def truncate(self, last_step: int | None) -> None:
        """Remove all entries after `last_step` (None: all), final values, and lines that a crash left incomplete.

        Raises:
            UserError: the file cannot be written.
        """
        kept = []
        if last_step is not None and self.path.exists():
            kept = [entry for entry in self.entries() if entry.step is not None and entry.step <= last_step]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with storage.beside(self.path) as beside, beside.open("wb") as file:
                file.writelines(entry.to_line() for entry in kept)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def append(self, entries: Iterable[Entry], *, durable: bool = False) -> None:
        """Append entries to the file.

        Args:
            entries: the entries, in order.
            durable: return only when the entries would survive a power failure.

        Raises:
            UserError: the file cannot be written.
        """
        try:
            with self.path.open("ab") as file:
                file.writelines(entry.to_line() for entry in entries)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def entries(self) -> Iterator[Entry]:
        """Yield all complete entries."""
        return (entry for entry, _ in self.entries_from(0))

    def entries_from(self, offset: int) -> Iterator[tuple[Entry, int]]:
        """Yield the complete entries after byte `offset`, each with the offset of the next one."""
        with self.path.open("rb") as file:
            file.seek(offset)
            for line in file:
                offset += len(line)
                if not line.endswith(b"\n"):
                    return
                try:
                    yield Entry.from_line(line), offset
                except (ValueError, KeyError, TypeError):
                    continue

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"cannot write the metric history {self.path}: {error.strerror}; free or choose another folder"
        )
