"""Carries calls to MLflow in a background thread, so that neither its slowness nor its absence is felt."""

import logging
import queue
import re
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from components.core.runtime.tracking.store import Store, refused_password, will_pass

logger = logging.getLogger(__name__)

CREDENTIALS = re.compile(r"//[^/@\s]+@")
LONGEST_PAUSE_SECONDS = 5.0
SHORTEST_WAIT_SECONDS = 15.0
"""Longer than a pause and the answer to the next try, for a server that has just come back."""

Result = TypeVar("Result")


class Sender:
    """Opens the store and makes calls on it, one after the other, again and again while the server is away.

    A call that MLflow refuses is left out, with a warning. Calls must be fit to be made twice: an answer may
    get lost.

    Args:
        open_store: connects and finds or creates the run; also tried until it works.
        consolation: ends the warnings: where the metrics are kept in any case.

    Attributes:
        opened: set when the run is open or given up.
    """

    def __init__(self, open_store: Callable[[], Store], consolation: str) -> None:
        self._open_store = open_store
        self._consolation = consolation
        self._calls: queue.SimpleQueue[Callable[[Store], None] | None] = queue.SimpleQueue()
        self.opened = threading.Event()
        self._given_up = threading.Event()
        self._absent_since: float | None = None
        self._warnings: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def put(self, call: Callable[[Store], None]) -> None:
        """Have `call` made after those before it. Returns at once."""
        if not self._given_up.is_set():
            self._calls.put(call)

    def wait_until_open(self, seconds: float) -> None:
        """Wait until the run is open or given up, at most `seconds`."""
        self.opened.wait(seconds)

    def close(self, last: Callable[[Store], None], seconds: float) -> None:
        """Have `last` made after all others and wait for it, at most `seconds`.

        The time for which the server has been away already counts, so that a dead one does not hold up every
        stage.
        """
        self.put(last)
        self._calls.put(None)
        if self._absent_since is not None:
            left = seconds - (time.monotonic() - self._absent_since)
            seconds = min(seconds, max(SHORTEST_WAIT_SECONDS, left))
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._given_up.set()
            self._warn("MLflow lacks a part of the run, it did not answer in time")

    def _work(self) -> None:
        store = self._until_done(self._open_store)
        if store is None:
            self._given_up.set()
        self.opened.set()
        while store is not None and (call := self._calls.get()) is not None:
            self._until_done(partial(call, store))

    def _until_done(self, call: Callable[[], Result]) -> Result | None:
        pause = 0.5
        while not self._given_up.is_set():
            try:
                result = call()
            except Exception as error:
                if not will_pass(error):
                    self._warn(f"MLflow left out a part of the run: {first_line(error)}")
                    return None
                if self._absent_since is None:
                    self._absent_since = time.monotonic()
                    self._warn(f"MLflow does not answer, trying on: {first_line(error)}")
            else:
                self._absent_since = None
                return result
            self._given_up.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return None

    def _warn(self, message: str) -> None:
        """Say it once: a server that is away for an hour, or refuses every call, is one piece of news."""
        kind = message.partition(":")[0]
        if kind not in self._warnings:
            self._warnings.add(kind)
            logger.warning("%s%s", message, self._consolation)


def first_line(error: Exception) -> str:
    """What an error says, without the user and password that an address in it may have."""
    if refused_password(error):
        return "it does not take this user and password: check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    return CREDENTIALS.sub("//", next(iter(str(error).splitlines()), type(error).__name__))
