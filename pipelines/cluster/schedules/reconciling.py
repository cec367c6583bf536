"""Make the recurring runs of a server equal to the files of schedules."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kfp_server_api import V2beta1RecurringRun

from simpgan.pipelines.cluster.client import Server
from simpgan.pipelines.cluster.schedules import ScheduleFile
from simpgan.pipelines.cluster.submission import Submission

PREFIX = "simpgan-"
MARK = "Made by simpgan schedule from {name}.yaml, digest {digest}: change it there."
MARKED = re.compile(
    r"Made by simpgan schedule from (?P<name>.+)\.yaml, digest (?P<digest>[0-9a-f]{64}): change it there\."
)


@dataclass(frozen=True)
class Own:
    """A recurring run that simpgan created.

    Attributes:
        name: Name of its schedule.
        digest: Digest of everything that it does.
        recurring_run: The object of the server.
    """

    name: str
    digest: str
    recurring_run: V2beta1RecurringRun

    @property
    def cron(self) -> str:
        """Return the times at which it starts runs, in UTC."""
        trigger = self.recurring_run.trigger
        return trigger.cron_schedule.cron if trigger and trigger.cron_schedule else "?"

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


def own(server: Server) -> list[Own]:
    """Return the recurring runs that simpgan created, known by their name and the end of their description."""
    found = []
    for each in server.recurring_runs():
        match = MARKED.search(each.description or "")
        if match and each.display_name == PREFIX + match["name"]:
            found.append(Own(match["name"], match["digest"], each))
    return sorted(found, key=lambda each: each.name)


def apply(server: Server, schedules: Sequence[Wanted], *, whole: bool) -> Iterator[str]:
    """Create and replace what differs, and yield a line for each schedule when it is done.

    A recurring run cannot be changed. Its replacement is created before it is deleted, so that a failure in between
    leaves two, of which the next apply deletes one, and never none.

    Args:
        whole: Whether these are all schedules; others that simpgan created are removed then.
    """
    there = own(server)
    for schedule in schedules:
        same = [each for each in there if each.name == schedule.name and each.digest == schedule.digest]
        others = [each for each in there if each.name == schedule.name and each not in same[:1]]
        if not same:
            create(server, schedule)
        for each in others:
            server.delete_recurring_run(each.recurring_run.recurring_run_id)
        yield f"{schedule.name}: {done(schedule, same, others)} ({schedule.cron} UTC)"
    if whole:
        names = {schedule.name for schedule in schedules}
        yield from remove(server, {each.name for each in there} - names, there)


def done(schedule: Wanted, same: Sequence[Own], others: Sequence[Own]) -> str:
    """Describe what was done about a schedule."""
    if not same:
        return "replaced" if others else "created"
    by_hand = same[0].enabled != schedule.values["enabled"]
    state = f", {'enabled' if same[0].enabled else 'disabled'} on the server by hand" if by_hand else ""
    return f"left as it is{state}{', a second one removed' if others else ''}"


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


def remove(server: Server, names: Collection[str], there: Sequence[Own]) -> Iterator[str]:
    """Delete the recurring runs of some schedules, and yield a line for each. Runs that they started continue."""
    for each in there:
        if each.name in names:
            server.delete_recurring_run(each.recurring_run.recurring_run_id)
            yield f"{each.name}: removed"
    for name in sorted(set(names) - {each.name for each in there}):
        yield f"{name}: not on the server"
