"""Carries calls to MLflow in a background thread, so that neither its slowness nor its absence is felt."""

import logging
import shlex
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from simpgan.components.core.tracking.errors import first_line, is_no_mlflow, is_unknown_host
from simpgan.components.core.tracking.open_run import RUN_TAG, RunRequest
from simpgan.components.core.tracking.run_writer import Store, will_pass

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 5.0
SHORTEST_WAIT_SECONDS = 15.0
"""Longer than a pause and the answer to the next try, for a server that has just come back."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Unsent:
    """Where a run goes that a server did not take: a store in `folder`, which `simpgan sync` reads."""

    folder: Path
    request: RunRequest

    def open(self) -> Store:
        """The run in that store. Of the server's own run, which is not there, a tag is kept."""
        tags = {**self.request.tags, **({RUN_TAG: self.request.run_id} if self.request.run_id else {})}
        here = replace(self.request, run_id=None, alone=False, parent=None, pipeline_name="", tags=tags)
        return Store(here, self.folder)


class Sender:
    """Opens the store and makes calls on it, one after the other, again and again while the server is away.

    A call that MLflow refuses is left out, with a warning. Calls must be fit to be made twice: an answer may
    get lost.

    Args:
        open_store: connects and finds or creates the run; also tried until it works.
        unsent: keeps on this machine what could not be sent when the run ends.
        consolation: ends the warnings: where the metrics are kept in any case.

    Attributes:
        opened: set when the run is open or given up.
    """

    def __init__(self, open_store: Callable[[], Store], unsent: "Unsent | None", consolation: str) -> None:
        self._open_store = open_store
        self._unsent = unsent
        self._consolation = consolation
        self._calls: deque[Callable[[Store], None]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self.opened = threading.Event()
        self._has_run = False
        self._given_up = threading.Event()
        self._absent_since: float | None = None
        self._warnings: set[str] = set()
        self._refusals: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def put(self, call: Callable[[Store], None]) -> None:
        """Have `call` made after those before it. Returns at once."""
        with self._changed:
            self._calls.append(call)
            self._changed.notify()

    def wait_until_open(self, seconds: float) -> bool:
        """Wait until the run is open or given up, at most `seconds`. Returns whether it is open."""
        return self.opened.wait(seconds) and not self._given_up.is_set()

    def give_up(self) -> None:
        """Stop trying, and keep nothing."""
        self._given_up.set()

    def close(self, last: Callable[[Store], None], seconds: float) -> None:
        """Have `last` made after all others and wait for it, at most `seconds`.

        The time for which the server has been away already counts, so that a dead one does not hold up every
        stage.
        """
        self.put(last)
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._absent_since is not None:
            left = seconds - (time.monotonic() - self._absent_since)
            seconds = min(seconds, max(SHORTEST_WAIT_SECONDS, left))
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._given_up.set()
            self._warn(f"MLflow lacks {self._what()}, it did not answer in time")
        if self._given_up.is_set():
            self._keep_unsent()

    def _work(self) -> None:
        store = self._until_done(self._open_store)
        if store is None:
            self._given_up.set()
        else:
            self._has_run = True
        self.opened.set()
        while store is not None:
            with self._changed:
                self._changed.wait_for(lambda: self._calls or self._closing)
            if not self._calls:
                return
            self._until_done(partial(self._calls[0], store))
            if self._given_up.is_set():  # the call may not have been made: it stays for whoever keeps the unsent
                return
            self._calls.popleft()

    def _keep_unsent(self) -> None:
        """Make the calls that were not made on a store of this machine, which `simpgan sync` uploads."""
        if not self._unsent:
            return
        try:
            store = self._unsent.open()
            for call in list(self._calls):
                call(store)
        except Exception as error:
            if first_line(error) not in self._refusals:  # such as that mlflow is not installed
                logger.warning("what MLflow lacks could not be kept either: %s", first_line(error))
        else:
            folder = shlex.quote(str(self._unsent.folder.resolve()))
            logger.warning("what MLflow lacks is kept: simpgan sync %s uploads it", folder)

    def _until_done(self, call: Callable[[], Result]) -> Result | None:
        pause = 0.5
        while not self._given_up.is_set():
            try:
                result = call()
            except Exception as error:
                mistaken = not self._has_run and (is_unknown_host(error) or is_no_mlflow(error))
                if mistaken or not will_pass(error):
                    self._refusals.add(first_line(error))
                    self._warn(f"MLflow left out {self._what()}: {first_line(error)}")
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

    def _what(self) -> str:
        """What MLflow lacks."""
        return "a part of the run" if self._has_run else "the run"

    def _warn(self, message: str) -> None:
        """Say it once: a server that is away for an hour, or refuses every call, is one piece of news."""
        kind = message.partition(":")[0]
        if kind not in self._warnings:
            self._warnings.add(kind)
            logger.warning("%s%s", message, self._consolation)
