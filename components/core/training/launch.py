"""Start several processes that train together in one pod, from within a component, as torchrun would."""

import logging
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simpgan.components.core.environment import whole_number
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import Terminated

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

logger = logging.getLogger(__name__)

PROCESSES = "SIMPGAN_PROCESSES"
RESTARTS = "SIMPGAN_RESTARTS"
MONITOR_SECONDS = 0.02
"""torch's 0.1 s is enough for the others to fail too, because a process was killed, and to be taken for the cause."""

USER_ERROR = f"{UserError.__name__}: "


def together(run: Callable[..., Any], *arguments: Any) -> None:
    """Call `run` in as many new processes as the environment variable SIMPGAN_PROCESSES says, and wait for them.

    If one of the processes fails, the others are ended. If a signal killed it, such as SIGKILL when memory ran out, all
    are started again, as often as SIMPGAN_RESTARTS says; a training then continues from its checkpoint. Without both
    variables, `run` is called in this process.

    Args:
        run: a function of a module, since the processes import it by name. Its return value is lost.
        arguments: arguments of `run`.

    Raises:
        KeyboardInterrupt, Terminated: this process was told to end; the others have ended by then.
        UserError: a variable holds no such number, or a process raised it, with the same message.
        ChildFailedError: a process failed for another reason; it is torch's.
    """
    processes = whole_number(PROCESSES, 1, least=1)
    restarts = whole_number(RESTARTS, 0)
    if processes == 1 and restarts == 0:
        run(*arguments)
        return
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    for restart in range(restarts + 1):
        try:
            launch(run, arguments, processes)
            return
        except ChildFailedError as failed:
            killed_by = signal_of(failed)
            if not killed_by or restart == restarts:
                raise
            logger.warning("a process was killed by %s: restart %d of %d", killed_by, restart + 1, restarts)


def launch(run: Callable[..., Any], arguments: tuple[Any, ...], processes: int) -> None:
    """Call `run` once in each of as many new processes, and wait for them. The errors are those of `together`.

    torch's own restarts would repeat every failure, also one that only a user can correct.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    if processes > 1:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun does: each process would take all cores
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        run_id=f"simpgan-{os.getpid()}",
        max_restarts=0,
        monitor_interval=MONITOR_SECONDS,
    )
    try:
        elastic_launch(config, run)(*arguments)
    except SignalException as ended:
        raise (KeyboardInterrupt if ended.sigval == signal.SIGINT else Terminated) from None
    except ChildFailedError as failed:
        said = failed.get_first_failure()[1].error_file_data["message"]
        text = said["message"] if isinstance(said, dict) else said
        if text.startswith(USER_ERROR):
            raise UserError(text.removeprefix(USER_ERROR)) from None
        raise


def signal_of(failed: "ChildFailedError") -> str:
    """Return the name of the signal that killed a process; empty if none was killed."""
    codes = [failure.exitcode for failure in failed.failures.values()]
    return next((signal.Signals(-code).name for code in codes if code < 0), "")
