"""Follow a run on a server to its end."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kfp_server_api import ApiException, V2beta1PipelineTaskDetail, V2beta1Run
from urllib3.exceptions import HTTPError

from simpgan.components.core.errors import UserError
from simpgan.pipelines.runner.errors import StageFailed
from simpgan.pipelines.runner.local import say

if TYPE_CHECKING:
    from simpgan.pipelines.cluster.client import Server

SECONDS_BETWEEN = 10.0
SECONDS_AWAY = 600.0
# kfp's own way to wait does not know that a run can be cancelled, and would wait for ever.
ENDED = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
PARTS_OF_TASKS = ("root", "driver", "executor")


class RunCancelled(StageFailed):
    """A run was cancelled."""


def follow(
    server: "Server", run_id: str, *, between: float = SECONDS_BETWEEN, away: float = SECONDS_AWAY
) -> V2beta1Run:
    """Report every task that starts or ends, until the run has succeeded. Return the run.

    Args:
        server: the server.
        run_id: id of the run.
        between: seconds between two requests.
        away: seconds for which the server may be away.

    Raises:
        RunCancelled: the run was cancelled.
        StageFailed: the run failed.
        UserError: the server is away for longer, or refuses further answers; the run continues.
    """
    told: dict[str, str] = {}
    last_heard = time.monotonic()
    while True:
        try:
            run = server.run(run_id)
        except (HTTPError, ApiException) as error:
            if time.monotonic() - last_heard > away:
                link = server.run_link(run_id)
                raise UserError(
                    f"{server.host} has been away for {away:.0f} s, the run may go on: look at {link}"
                ) from error
            time.sleep(between)
            continue
        last_heard = time.monotonic()
        for line in news(details(run), told):
            say(line)
        if run.state in ENDED:
            break
        time.sleep(between)
    if run.state in ("FAILED", "CANCELED"):
        error = StageFailed if run.state == "FAILED" else RunCancelled
        raise error(f"{failure(run)}: see {server.run_link(run_id)}")
    return run


def details(run: V2beta1Run) -> list[V2beta1PipelineTaskDetail]:
    """Return the tasks of a run that have started."""
    return (run.run_details.task_details or []) if run.run_details else []


def news(tasks: Sequence[V2beta1PipelineTaskDetail], told: dict[str, str]) -> Iterator[str]:
    """Yield a line for every task whose state differs from `told`, and update `told`."""
    for task in tasks:
        if is_part(task) or not task.state or told.get(task.task_id) == task.state:
            continue
        told[task.task_id] = task.state
        took = f" after {(task.end_time - task.start_time).total_seconds():.0f} s" if has_taken(task) else ""
        yield f"{task.display_name}: {task.state.lower()}{took}"


def has_taken(task: V2beta1PipelineTaskDetail) -> bool:
    """Tell whether a task's duration is known; the server gives 1970 as the end of one that has not ended."""
    return task.state in ENDED and bool(task.start_time and task.end_time) and task.end_time >= task.start_time


def is_part(task: V2beta1PipelineTaskDetail) -> bool:
    """Tell whether the server lists the whole graph, or an internal part of a task, as this task."""
    return (task.display_name or "").split("-")[-1] in PARTS_OF_TASKS


def failure(run: V2beta1Run) -> str:
    """Explain at which tasks a run failed, and why if the server knows."""
    failed = [task for task in details(run) if task.state == "FAILED"]
    names = list(dict.fromkeys(task.display_name for task in failed if not is_part(task)))
    reasons = [each.error.message for each in (*failed, run) if each.error and each.error.message]
    ended = "was cancelled" if run.state == "CANCELED" else "failed"
    where = f" at {', '.join(names)}" if names else ""
    why = f" ({' '.join(reasons[0].split())[:300]})" if reasons else ""
    return f"the run {ended}{where}{why}"
