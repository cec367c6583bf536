"""Ctrl-C and SIGTERM: as an exception, or noted, so that a training can save its checkpoint first."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

GO_ON = "the same command goes on from there (Ctrl-C again ends at once)"
UNDER_TORCHRUN = "TORCHELASTIC_RUN_ID"
SECONDS_OF_ONE_INTERRUPT = 1.0
"""Two signals within this time count as one: torchrun forwards Ctrl-C to processes that got it from the terminal too.
"""


class Terminated(SystemExit):
    """SIGTERM as an exception, so that `with` blocks unwind. Uncaught, the process exits with 143."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise `Terminated` in the main thread when SIGTERM comes in this block; restore the handler after it.

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


class Interrupt:
    """Notes whether the process was asked to end.

    Attributes:
        number: number of the signal; 0 if none has come.
        came: time of the signal, by the monotonic clock.
    """

    def __init__(self) -> None:
        self.number = 0
        self.came = 0.0

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; a second Ctrl-C ends at once. To be used as the signal's handler."""
        passed_on = UNDER_TORCHRUN in os.environ and time.monotonic() - self.came < SECONDS_OF_ONE_INTERRUPT
        if self.number and number == signal.SIGINT and not passed_on:
            raise KeyboardInterrupt
        if not self.number:
            self.number, self.came = number, time.monotonic()


@contextmanager
def noted_interrupts(message: str) -> Iterator[Interrupt]:
    """Note Ctrl-C and SIGTERM in this block; they take effect at its end.

    Outside the main thread, where Python allows no handlers, nothing is noted.

    Args:
        message: text that is written to standard error as soon as a signal comes; empty: nothing is written.

    Yields:
        The noted interrupt.

    Raises:
        KeyboardInterrupt: at the end after Ctrl-C, and at once after a second one.
        Terminated: at the end after SIGTERM.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    # What was told to ignore a signal, as a shell does with Ctrl-C for its jobs in the background, still does.
    noted = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) is not signal.SIG_IGN]
    with announced(message):
        before = {number: signal.signal(number, interrupt.note) for number in noted}
        try:
            yield interrupt
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if interrupt.number:
        raise KeyboardInterrupt if interrupt.number == signal.SIGINT else Terminated


@contextmanager
def announced(message: str) -> Iterator[None]:
    """Write `message` to standard error at the first signal with a Python handler in this block.

    A thread writes it, since the handler itself may wait for seconds until a computation returns to Python.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def announce() -> None:
        if os.read(reading, 1) and message:
            say_at_once(message)

    thread = threading.Thread(target=announce, name="interrupts", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)
        thread.join()
        os.close(reading)


def say_at_once(line: str) -> None:
    """Write a line to standard error from a signal handler; on a terminal below the bar that is there."""
    os.write(sys.stderr.fileno(), f"{chr(10) if sys.stderr.isatty() else ''}{line}\n".encode())
