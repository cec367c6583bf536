"""A queue of calls to MLflow, made by a background thread: a slow or absent server never blocks the stage."""

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

from simpgan.components.core.tracking.errors import explain, is_not_mlflow, is_temporary, is_unknown_host
from simpgan.components.core.tracking.open_run import RunRequest
from simpgan.components.core.tracking.run_writer import RunWriter
from simpgan.components.core.tracking.tags import SERVER_RUN_TAG

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 5.0
SHORTEST_WAIT_SECONDS = 15.0
"""Longer than a pause and the answer to the next try, for a server that has just come back."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class UnsentRun:
    """A run that a server did not take. It is kept in a store in `folder`, which `simpgan sync` uploads."""

    folder: Path
    request: RunRequest

    def open_writer(self) -> RunWriter:
        """Open the run in that store. The id of the server's own run, which the store lacks, becomes a tag."""
        tags = {**self.request.tags, **({SERVER_RUN_TAG: self.request.run_id} if self.request.run_id else {})}
        here = replace(self.request, run_id=None, alone=False, parent=None, pipeline_name="", tags=tags)
        return RunWriter(here, self.folder)


class UploadQueue:
    """Opens a run and makes calls on its writer in order, again and again while the server is away.

    A call that MLflow refuses is skipped with a warning. Calls must be safe to repeat, since an answer may get lost.

    Args:
        open_writer: connects and finds or creates the run; repeated until it succeeds.
        unsent: keeps on this machine what could not be sent by the end of the run; None: nothing is kept.
        hint: end of every warning, such as where the metrics are kept.

    Attributes:
        opened: set when the run is open or given up.
    """

    def __init__(self, open_writer: Callable[[], RunWriter], unsent: UnsentRun | None, hint: str) -> None:
        self._open_writer = open_writer
        self._unsent = unsent
        self._hint = hint
        self._calls: deque[Callable[[RunWriter], None]] = deque()
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

    def add(self, call: Callable[[RunWriter], None]) -> None:
        """Add a call to the end of the queue, and return at once."""
        with self._changed:
            self._calls.append(call)
            self._changed.notify()

    def wait_until_open(self, seconds: float) -> bool:
        """Wait until the run is open or given up, for at most `seconds`. Return whether it is open."""
        return self.opened.wait(seconds) and not self._given_up.is_set()

    def give_up(self) -> None:
        """Stop trying, and keep nothing."""
        self._given_up.set()

    def close(self, last: Callable[[RunWriter], None], seconds: float) -> None:
        """Make the call `last` after all others and wait for it, for at most `seconds`.

        Time for which the server has already been away counts, so a dead server does not delay every stage.
        """
        self.add(last)
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._absent_since is not None:
            left = seconds - (time.monotonic() - self._absent_since)
            seconds = min(seconds, max(SHORTEST_WAIT_SECONDS, left))
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._given_up.set()
            self._warn(f"MLflow lacks {self._missing_part()}, it did not answer in time")
        if self._given_up.is_set():
            self._keep_unsent()

    def _work(self) -> None:
        writer = self._repeat_until_done(self._open_writer)
        if writer is None:
            self._given_up.set()
        else:
            self._has_run = True
        self.opened.set()
        while writer is not None:
            with self._changed:
                self._changed.wait_for(lambda: self._calls or self._closing)
            if not self._calls:
                return
            self._repeat_until_done(partial(self._calls[0], writer))
            if self._given_up.is_set():  # the call may not have been made: it stays for `_keep_unsent`
                return
            self._calls.popleft()

    def _keep_unsent(self) -> None:
        """Make the remaining calls on a store of this machine, which `simpgan sync` uploads."""
        if not self._unsent:
            return
        try:
            writer = self._unsent.open_writer()
            for call in list(self._calls):
                call(writer)
        except Exception as error:
            if explain(error) not in self._refusals:  # such as that mlflow is not installed
                logger.warning("what MLflow lacks could not be kept either: %s", explain(error))
        else:
            folder = shlex.quote(str(self._unsent.folder.resolve()))
            logger.warning("what MLflow lacks is kept: simpgan sync %s uploads it", folder)

    def _repeat_until_done(self, call: Callable[[], Result]) -> Result | None:
        pause = 0.5
        while not self._given_up.is_set():
            try:
                result = call()
            except Exception as error:
                wrong_address = not self._has_run and (is_unknown_host(error) or is_not_mlflow(error))
                if wrong_address or not is_temporary(error):
                    self._refusals.add(explain(error))
                    self._warn(f"MLflow left out {self._missing_part()}: {explain(error)}")
                    return None
                if self._absent_since is None:
                    self._absent_since = time.monotonic()
                    self._warn(f"MLflow does not answer, trying on: {explain(error)}")
            else:
                self._absent_since = None
                return result
            self._given_up.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return None

    def _missing_part(self) -> str:
        return "a part of the run" if self._has_run else "the run"

    def _warn(self, message: str) -> None:
        """Warn once per kind of message: an absent server, or one that refuses every call, is one piece of news."""
        kind = message.partition(":")[0]
        if kind not in self._warnings:
            self._warnings.add(kind)
            logger.warning("%s%s", message, self._hint)
