"""Start several processes that train together in one pod, from within a component, as torchrun would."""

import os
import signal
from collections.abc import Callable
from typing import Any

from simpgan.components.core.environment import whole_number
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import Terminated

PROCESSES = "SIMPGAN_PROCESSES"
USER_ERROR = f"{UserError.__name__}: "


def together(run: Callable[..., Any], *arguments: Any) -> None:
    """Call `run` in as many new processes as the environment variable SIMPGAN_PROCESSES says, and wait for them.

    Without the variable, `run` is called in this process. If one of the processes fails, the others are ended.

    Args:
        run: a function of a module, since the processes import it by name. Its return value is lost.
        arguments: arguments of `run`.

    Raises:
        KeyboardInterrupt, Terminated: this process was told to end; the others have ended by then.
        UserError: the variable holds no number of processes, or a process raised it, with the same message.
        ChildFailedError: a process failed for another reason; it is torch's.
    """
    processes = whole_number(PROCESSES, 1, least=1)
    if processes == 1:
        run(*arguments)
        return
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun does: each process would take all cores
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        run_id=f"simpgan-{os.getpid()}",
        max_restarts=0,
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
