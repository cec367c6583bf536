"""How a run ends: FINISHED, FAILED with a reason, or KILLED, and the signal that kills."""

import os
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from simpgan.components.core.errors import UserError

Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class Ending:
    """How a run ended: MLflow's status, the reason in one line (empty when finished), the traceback if any."""

    status: Status
    reason: str = ""
    details: str = ""


class Terminated(SystemExit):
    """SIGTERM as an exception, so that `with` blocks unwind. Uncaught, the process exits with 143."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


def ending_of(error: BaseException) -> Ending:
    """The ending of a run whose block `error` left."""
    if isinstance(error, Terminated):
        return Ending("KILLED", "SIGTERM")
    if isinstance(error, KeyboardInterrupt):
        return Ending("KILLED", "interrupted from the keyboard")
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return Ending("FINISHED")
    if isinstance(error, UserError):
        return Ending("FAILED", str(error))
    message = next(iter(str(error).splitlines()), "")
    return Ending("FAILED", f"{type(error).__name__}: {message}", "".join(traceback.format_exception(error)))


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Within the block SIGTERM raises `Terminated` in the main thread; the handler before is restored after
    it.

    Outside the main thread, where Python allows no handlers, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a forked data loader worker inherits this handler and must simply die
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not break the unwinding
        raise Terminated

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
