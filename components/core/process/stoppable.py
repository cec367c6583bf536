"""Long work in a thread that can be told to stop: Python ends no thread from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event

_told: ContextVar[Event | None] = ContextVar("told", default=None)


class Stopped(Exception):
    """The work was told to stop."""


@contextmanager
def stoppable(told: Event) -> Iterator[None]:
    """Let the work in this block stop at the next unit of its progress once `told` is set."""
    token = _told.set(told)
    try:
        yield
    finally:
        _told.reset(token)


def stop_if_told() -> None:
    """Raise Stopped if the work that calls this was told to stop."""
    told = _told.get()
    if told is not None and told.is_set():
        raise Stopped
