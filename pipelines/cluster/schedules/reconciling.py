"""Make the recurring runs of a server equal to the files of schedules.

A recurring run cannot be changed. Deleting it also ends the run that it has started, because the run's workflow belongs
to it. So a recurring run that is replaced or removed is disabled, and a later command deletes it when its run has
ended. Of several recurring runs of one schedule only the newest counts. A removed schedule whose run continues gets
another one as a marker, which is disabled.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kfp_server_api import V2beta1RecurringRun, V2beta1Run

from simpgan.components.core.tracking import close_pipeline
from simpgan.components.core.tracking.outcome import RunOutcome
from simpgan.pipelines.cluster.client import Server
from simpgan.pipelines.cluster.follow import ENDED
from simpgan.pipelines.cluster.schedules import ScheduleFile
from simpgan.pipelines.cluster.submission import Submission

PREFIX = "simpgan-"
MARK = "Made by simpgan schedule from {name}.yaml, digest {digest}: change it there."
MARKED = re.compile(
    r"Made by simpgan schedule from (?P<name>.+)\.yaml, digest (?P<digest>[0-9a-f]{64}): change it there\."
)
REMOVED = "0" * 64
"""Digest of the marker of a removed schedule."""

MARKER = "This schedule is removed. Its earlier recurring run is deleted when its last run has ended."
ENDED_NOW = "ended by simpgan schedule with --now"


@dataclass(frozen=True)
class Own:
    """A recurring run that simpgan created.

    Attributes:
        name: Name of its schedule.
        digest: Digest of everything that it does; REMOVED for a marker.
        recurring_run: The object of the server.
    """

    name: str
    digest: str
    recurring_run: V2beta1RecurringRun

    @property
    def id(self) -> str:
        """Return the server's id of the recurring run."""
        return self.recurring_run.recurring_run_id

    @property
    def cron(self) -> str:
        """Return the times at which it starts runs, in UTC."""
        trigger = self.recurring_run.trigger
        return trigger.cron_schedule.cron if trigger and trigger.cron_schedule else "?"

    @property
    def removed(self) -> bool:
        """Tell whether it is only the marker of a removed schedule."""
        return self.digest == REMOVED

    @property
    def enabled(self) -> bool:
        """Tell whether it starts runs."""
        return self.recurring_run.mode != "DISABLE"


@dataclass(frozen=True)
class Wanted:
    """A schedule, compiled and checked."""

    name: str
    submission: Submission
    cron: str
    values: dict[str, Any]

    @property
    def digest(self) -> str:
        """Return the digest of everything that the server is told (sha256, hex)."""
        content = [self.submission.compiled.digest, self.submission.arguments, self.cron, self.values]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def wanted(file: ScheduleFile) -> Wanted:
    """Check a schedule and compile its pipeline.

    Raises:
        UserError: Something that is asked for is impossible.
    """
    schedule = file.schedule
    values = {
        "no_catchup": not schedule.catch_up,
        "max_concurrency": schedule.max_concurrency,
        "enabled": schedule.enabled,
        "experiment": schedule.experiment,
        "description": schedule.description,
    }
    return Wanted(file.name, file.submission(), schedule.cron, values)


def own(server: Server) -> dict[str, list[Own]]:
    """Return the recurring runs that simpgan created, oldest first, by the name of their schedule.

    They are known by their name and the end of their description.
    """
    found: dict[str, list[Own]] = {}
    for each in server.recurring_runs():
        match = MARKED.search(each.description or "")
        if match and each.display_name == PREFIX + match["name"]:
            found.setdefault(match["name"], []).append(Own(match["name"], match["digest"], each))
    return {name: sorted(found[name], key=lambda each: each.recurring_run.created_at) for name in sorted(found)}


def apply(server: Server, schedules: Sequence[Wanted], *, whole: bool, now: bool = False) -> Iterator[str]:
    """Create and replace what differs, and yield a line for each schedule when it is done.

    A replacement is created before the earlier recurring run is disabled, so that a failure in between leaves two, of
    which the next command disables one, and never none.

    Args:
        whole: Whether these are all schedules; others that simpgan created are removed then.
        now: Whether to end the runs of what is replaced or removed.
    """
    there = own(server)
    for schedule in schedules:
        found = there.get(schedule.name, [])
        same = next((each for each in found[-1:] if each.digest == schedule.digest), None)
        if not same:
            create(server, schedule)
        open_runs = end(server, [each for each in found if each is not same], now=now)
        yield f"{schedule.name}: {done(schedule, found, same)} ({schedule.cron} UTC){fate(open_runs, now)}"
    if whole:
        yield from remove(server, there.keys() - {schedule.name for schedule in schedules}, there, now=now)


def done(schedule: Wanted, found: Sequence[Own], same: Own | None) -> str:
    """Describe what was done about a schedule.

    Args:
        found: Its recurring runs on the server before.
        same: The one of them that stays; None: a new one was created.
    """
    if not same:
        return "replaced" if found and not found[-1].removed else "created"
    by_hand = same.enabled != schedule.values["enabled"]
    state = f", {'enabled' if same.enabled else 'disabled'} on the server by hand" if by_hand else ""
    return f"left as it is{state}"


def create(server: Server, schedule: Wanted) -> None:
    """Create the recurring run of a schedule, and upload its pipeline unless the server has it."""
    values = dict(schedule.values)
    mark = MARK.format(name=schedule.name, digest=schedule.digest)
    version = server.upload(schedule.submission.compiled)
    experiment = server.experiment_id(values.pop("experiment"))
    server.create_recurring_run(
        **{**values, "description": f"{values['description']}\n\n{mark}".strip()},
        experiment_id=experiment,
        job_name=PREFIX + schedule.name,
        cron_expression=schedule.cron,
        params=dict(schedule.submission.arguments),
        pipeline_id=version.pipeline_id,
        version_id=version.version_id,
    )


def remove(
    server: Server, names: Collection[str], there: Mapping[str, Sequence[Own]], *, now: bool = False
) -> Iterator[str]:
    """Remove schedules, and yield a line for each.

    Args:
        names: Names of schedules, which the server need not have.
        there: What `own` returned.
        now: Whether to end the runs that they have started.
    """
    for name in sorted(there.keys() & set(names)):
        started = [each for each in there[name] if not each.removed]
        markers = [each for each in there[name] if each.removed]
        open_runs = end(server, started, now=now)
        if open_runs and not markers:
            mark_removed(server, started[-1])
        if not open_runs:
            end(server, markers)
        yield f"{name}: removed{fate(open_runs, now)}"
    for name in sorted(set(names) - there.keys()):
        yield f"{name}: not on the server"


def mark_removed(server: Server, last: Own) -> None:
    """Create the marker of a removed schedule, whose last recurring run is `last`."""
    recurring = last.recurring_run
    server.create_recurring_run(
        experiment_id=recurring.experiment_id,
        job_name=recurring.display_name,
        description=f"{MARKER}\n\n{MARK.format(name=last.name, digest=REMOVED)}",
        cron_expression=last.cron,
        no_catchup=True,
        params=recurring.runtime_config.parameters,
        pipeline_id=recurring.pipeline_version_reference.pipeline_id,
        version_id=recurring.pipeline_version_reference.pipeline_version_id,
        enabled=False,
    )


def end(server: Server, recurring_runs: Sequence[Own], *, now: bool = False) -> list[V2beta1Run]:
    """Disable recurring runs, and delete those whose runs have ended. Return the runs that have not.

    Args:
        now: Whether to end these runs, also in MLflow. The server needs a while for it, in which the exit handler runs.
    """
    found = []
    for each in recurring_runs:
        if each.enabled:
            server.disable_recurring_run(each.id)
        open_runs = [run for run in server.runs_of(each.id) if run.state not in ENDED]
        ending = [run for run in open_runs if not now or terminate(server, run)]
        if not ending:
            server.delete_recurring_run(each.id)
        found += open_runs
    return found


def terminate(server: Server, run: V2beta1Run) -> bool:
    """End a run on the server and in MLflow. Return whether the server will: it cannot if its workflow is gone."""
    ending = server.terminate(run.run_id)
    close_pipeline(RunOutcome("KILLED", ENDED_NOW), run.run_id)
    return ending


def fate(open_runs: Sequence[V2beta1Run], now: bool) -> str:
    """Describe what becomes of the runs of recurring runs that were replaced or removed; empty if there are none."""
    if not open_runs:
        return ""
    names = ", ".join(run.display_name for run in open_runs)
    return f"; ended: {names}" if now else f"; still running to its end: {names}"


def tidy(server: Server) -> Iterator[tuple[Own, list[V2beta1Run]]]:
    """Delete what was replaced or removed and whose runs have ended. Yield the other recurring runs that simpgan made.

    Yields:
        A recurring run, and the runs for which it waits to be deleted; none: it counts.
    """
    for found in own(server).values():
        *earlier, newest = found
        waiting = [(each, end(server, [each])) for each in earlier]
        waiting = [(each, open_runs) for each, open_runs in waiting if open_runs]
        if not newest.removed:
            yield newest, []
        elif not waiting:
            end(server, [newest])
        yield from waiting
