"""Follow a run, and have the server retry it when it fails."""

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import close_pipeline
from simpgan.components.core.tracking.outcome import RunOutcome
from simpgan.components.core.tracking.past_runs import has_refused
from simpgan.pipelines.cluster.client import Server
from simpgan.pipelines.cluster.follow import SECONDS_BETWEEN, RunCancelled, follow
from simpgan.pipelines.runner.errors import StageFailed
from simpgan.pipelines.runner.local import say


def follow_with_retries(server: Server, run_id: str, retries: int, *, between: float = SECONDS_BETWEEN) -> None:
    """Follow a run to its end, and have the server retry it if it failed.

    The server keeps what has succeeded, and a training continues from its checkpoint. A run is not retried if it was
    cancelled, or if a stage refused its settings or inputs. Runs in MLflow that are still open at the end are closed:
    the server need not start the exit handler again.

    Args:
        server: The server.
        run_id: Id of the run.
        retries: How often to retry.
        between: Seconds between two requests.

    Raises:
        StageFailed: The run was cancelled, or failed for the last time.
        UserError: As in `follow`.
    """
    for retry in range(1, retries + 2):
        try:
            follow(server, run_id, between=between)
            close_pipeline(RunOutcome("FINISHED"), run_id)
            return
        except RunCancelled as cancelled:
            close_pipeline(RunOutcome("KILLED", str(cancelled)), run_id)
            raise
        except StageFailed as failed:
            if retry > retries or has_refused(run_id) or not is_retried(server, run_id):
                close_pipeline(RunOutcome("FAILED", str(failed)), run_id)
                raise
            say(f"retry {retry} of {retries}: {failed}")


def is_retried(server: Server, run_id: str) -> bool:
    """Have the server retry a run. If the server refuses, report why and return False."""
    try:
        server.retry(run_id)
    except UserError as refusal:
        say(f"not retried: {refusal}")
        return False
    return True
