"""Follow a run on a server to its end."""

import re
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kfp_server_api import ApiException, V2beta1Run
from urllib3.exceptions import HTTPError

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking.failed_stages import find_begun_stages, find_failed_stages
from simpgan.pipelines.cluster.pods import Pods
from simpgan.pipelines.cluster.run_stages import ENDED, Stage, details, stages_of
from simpgan.pipelines.runner.errors import StageFailed
from simpgan.pipelines.runner.local import say

if TYPE_CHECKING:
    from simpgan.pipelines.cluster.client import Server

SECONDS_BETWEEN = 10.0
SECONDS_AWAY = 600.0
SECONDS_WAITING = 60.0
NAMESPACE = "kubeflow"
"""Where the pods run on a server with one user."""

DRIVER = re.compile(r"-driver(\(\d+\))?$")


class RunCancelled(StageFailed):
    """A run was cancelled."""


def follow(
    server: "Server",
    run_id: str,
    *,
    between: float = SECONDS_BETWEEN,
    away: float = SECONDS_AWAY,
    patience: float = SECONDS_WAITING,
) -> V2beta1Run:
    """Report every stage that starts or ends, and what waiting ones wait for, until the run has succeeded.

    Args:
        server: the server.
        run_id: id of the run.
        between: seconds between two requests.
        away: seconds for which the server may be away.
        patience: seconds after which a stage that may be waiting is reported.

    Returns:
        The run.

    Raises:
        RunCancelled: the run was cancelled.
        StageFailed: the run failed.
        UserError: the server is away for longer, or refuses further answers; the run continues.
    """
    pods = Pods(run_id, server.namespace or NAMESPACE)
    waits = Waits(pods, patience)
    told: dict[str, str] = {}
    pipeline = None
    last_heard = time.monotonic()
    while True:
        try:
            run = server.run(run_id)
            pipeline = pipeline or server.pipeline_of(run)
        except (HTTPError, ApiException) as error:
            if time.monotonic() - last_heard > away:
                link = server.run_link(run_id)
                raise UserError(
                    f"{server.host} has been away for {away:.0f} s, the run may go on: look at {link}"
                ) from error
            time.sleep(between)
            continue
        last_heard = time.monotonic()
        stages = stages_of(pipeline, run)
        for line in news(stages, told):
            say(line)
        if run.state in ENDED:
            break
        for line in waits.news(stages):
            say(line)
        time.sleep(between)
    link = server.run_link(run_id)
    if run.state == "CANCELED":
        raise RunCancelled(f"the run was cancelled: see {link}")
    if run.state == "FAILED":
        raise StageFailed(f"the run failed{failed_at(run, stages)} ({failure(run, pods)}): see {link}")
    return run


def news(stages: Sequence[Stage], told: dict[str, str]) -> Iterator[str]:
    """Yield a line for every stage whose state differs from `told`, and update `told`."""
    for stage in stages:
        if told.get(stage.title) == stage.state:
            continue
        told[stage.title] = stage.state
        took = "" if stage.seconds is None else f" after {stage.seconds:.0f} s"
        yield f"{stage.title}: {'from the cache' if stage.cached else f'{stage.state.lower()}{took}'}"


class Waits:
    """Reports, once each, stages whose pods do not run.

    Args:
        pods: the pods of the run.
        patience: seconds after which a stage is reported, and between two looks at the pods.
    """

    def __init__(self, pods: Pods, patience: float) -> None:
        self.pods = pods
        self.patience = patience
        self.looked = time.monotonic()
        self.first_seen: dict[str, float] = {}
        self.told: set[tuple[str, str]] = set()

    def news(self, stages: Sequence[Stage]) -> Iterator[str]:
        """Yield a line for every stage that has waited for longer than `patience`, or may have."""
        now = time.monotonic()
        unfinished = [stage for stage in stages if stage.state not in ENDED]
        for stage in unfinished:
            self.first_seen.setdefault(stage.title, now)
        if now - self.looked < self.patience:
            return
        self.looked = now
        waiting = self.pods.waiting()
        if waiting is None:
            yield from self.guesses(unfinished, now)
            return
        for each in waiting:
            if each.seconds >= self.patience and (each.stage, each.reason) not in self.told:
                self.told.add((each.stage, each.reason))
                reason = each.reason or f"kubectl describe pod --namespace {self.pods.namespace} {each.pod} shows why"
                yield f"{each.stage} has waited for {each.seconds:.0f} s (pod {each.pod}): {reason}"

    def guesses(self, unfinished: Sequence[Stage], now: float) -> Iterator[str]:
        """Yield a line for every stage that may be waiting: it has not ended, and has no run in MLflow."""
        late = [
            stage
            for stage in unfinished
            if now - self.first_seen[stage.title] >= self.patience and (stage.title, "") not in self.told
        ]
        begun = find_begun_stages(self.pods.run_id) if late else set()
        for stage in late:
            if stage.component not in begun:
                self.told.add((stage.title, ""))
                seconds = now - self.first_seen[stage.title]
                yield (
                    f"{stage.title} has not ended after {seconds:.0f} s. If its pod waits for a node, an image or a "
                    f"volume, this shows it: {self.pods.events_command()}"
                )


def failed_at(run: V2beta1Run, stages: Sequence[Stage]) -> str:
    """Name the stages that failed, also those whose driver failed; empty if none did."""
    names = [stage.title for stage in stages if stage.state == "FAILED"]
    drivers = [task.display_name for task in details(run) if task.state == "FAILED" and task.display_name]
    names += [DRIVER.sub("", name) for name in drivers if DRIVER.search(name)]
    return f" at {', '.join(dict.fromkeys(names))}" if names else ""


def failure(run: V2beta1Run, pods: Pods) -> str:
    """Return why a run failed: the server does not tell, so from MLflow, else from the pods, else how to look."""
    recorded = find_failed_stages(run.run_id)
    told = [stage.reason for stage in recorded if not stage.is_silent]
    silent = [stage.reason for stage in recorded]
    reason = next(iter(told), "") or pods.failure() or next(iter(silent), "")
    return reason or f"for the reason: {pods.logs_command()}"
