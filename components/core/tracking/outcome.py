"""How a run ends: FINISHED, FAILED with a reason, or KILLED."""

import traceback
from dataclasses import dataclass
from typing import Literal

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import Terminated

SIGTERM = "SIGTERM"
Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class RunOutcome:
    """The end of a run.

    Attributes:
        status: MLflow's status.
        reason: the cause in one line; empty if finished.
        details: the traceback; empty if there is none.
    """

    status: Status
    reason: str = ""
    details: str = ""


def outcome_of(error: BaseException) -> RunOutcome:
    """Return the outcome of a run whose block raised `error`."""
    if isinstance(error, Terminated):
        return RunOutcome("KILLED", SIGTERM)
    if isinstance(error, KeyboardInterrupt):
        return RunOutcome("KILLED", "interrupted from the keyboard")
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return RunOutcome("FINISHED")
    if isinstance(error, UserError):
        return RunOutcome("FAILED", str(error))
    message = next(iter(str(error).splitlines()), "")
    return RunOutcome("FAILED", f"{type(error).__name__}: {message}", "".join(traceback.format_exception(error)))
