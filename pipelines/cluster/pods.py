"""The pods of a run, read with the kubeconfig of this shell: what they wait for, and why they failed."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from simpgan.components.core.errors import UserError
from simpgan.pipelines.runner.stage_log import TRACEBACK

RUN_LABEL = "pipeline/runid"
NODE_NAME = "workflows.argoproj.io/node-name"
STAGE = re.compile(r"\.([^.]+?)(-driver|(\(\d+\))?\.executor)(\(\d+\))?$")
"""The end of the name of a driver's or executor's node: the stage's task, with the attempts that may be there."""

CONTAINER = "main"
SECONDS = (5, 10)  # to connect, to answer
LINES = 200


@dataclass(frozen=True)
class Waiting:
    """A pod that does not run.

    Attributes:
        pod: name of the pod.
        stage: name of the stage's task.
        seconds: since the pod was created.
        reason: the explanation that the cluster gives; empty if there is none.
    """

    pod: str
    stage: str
    seconds: float
    reason: str


class Pods:
    """The pods of one run.

    Args:
        run_id: id of the run.
        namespace: namespace of its pods.
    """

    def __init__(self, run_id: str, namespace: str) -> None:
        self.run_id = run_id
        self.namespace = namespace

    def events_command(self) -> str:
        """Return the command that shows what pods wait for."""
        return f"kubectl get events --namespace {self.namespace} --field-selector type=Warning --sort-by lastTimestamp"

    def logs_command(self) -> str:
        """Return the command that shows the last lines of every pod of the run."""
        selector = f"{RUN_LABEL}={self.run_id}"
        return f"kubectl logs --namespace {self.namespace} --selector {selector} --container {CONTAINER} --tail 20"

    def waiting(self) -> list[Waiting] | None:
        """Return the pods that wait for a node, an image or a volume; None if this shell may not look."""
        try:
            api = self.connect()
            pods = self.find(api)
            return [self.waiting_pod(api, pod) for pod in pods if pod.status.phase == "Pending" and stage_of(pod)]
        except (config.ConfigException, client.ApiException, HTTPError):
            return None

    def failure(self) -> str | None:
        """Return why a pod of the run failed, in one line; None if no pod tells or this shell may not look."""
        try:
            api = self.connect()
            failed = [pod for pod in self.find(api) if pod.status.phase == "Failed" and stage_of(pod)]
            return self.reason(api, max(failed, key=created)) if failed else None
        except (config.ConfigException, client.ApiException, HTTPError):
            return None

    def connect(self) -> client.CoreV1Api:
        """Connect to the cluster of the kubeconfig's current context."""
        return client.CoreV1Api(config.new_client_from_config(config_file=os.environ.get("KUBECONFIG") or None))

    def find(self, api: client.CoreV1Api) -> list[Any]:
        """Return the pods of the run."""
        selector = f"{RUN_LABEL}={self.run_id}"
        return api.list_namespaced_pod(self.namespace, label_selector=selector, _request_timeout=SECONDS).items

    def waiting_pod(self, api: client.CoreV1Api, pod: Any) -> Waiting:
        """Describe a pod that does not run by its last warning, else by the state of its containers."""
        warnings = api.list_namespaced_event(
            self.namespace,
            field_selector=f"involvedObject.name={pod.metadata.name},type=Warning",
            _request_timeout=SECONDS,
        ).items
        said = [event.message for event in sorted(warnings, key=last_seen) if event.message]
        statuses = [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]
        said = said or [each.state.waiting.reason for each in statuses if each.state and each.state.waiting]
        seconds = (datetime.now(UTC) - created(pod)).total_seconds()
        return Waiting(pod.metadata.name, stage_of(pod), seconds, one_line(said[-1]) if said else "")

    def reason(self, api: client.CoreV1Api, pod: Any) -> str:
        """Return why a pod failed: that it ran out of memory or was evicted, else the exception in its log."""
        ended = [each.state.terminated for each in pod.status.container_statuses or [] if each.name == CONTAINER]
        status = ended[0] if ended else None
        name = f"pod {pod.metadata.name}"
        if pod.status.reason or (status and status.reason == "OOMKilled"):
            return one_line(f"{name}: {pod.status.reason or 'OOMKilled'} {pod.status.message or ''}".strip())
        log = api.read_namespaced_pod_log(
            pod.metadata.name, self.namespace, container=CONTAINER, tail_lines=LINES, _request_timeout=SECONDS
        )
        exit_code = status.exit_code if status else 1
        return one_line(f"{name}: {last_exception(log) or f'exit status {exit_code}'}")


def stage_of(pod: Any) -> str:
    """Return the name of the task for which a pod is the driver or executor; empty for other pods."""
    match = STAGE.search((pod.metadata.annotations or {}).get(NODE_NAME, ""))
    return match[1] if match else ""


def created(pod: Any) -> datetime:
    """Return when a pod was created."""
    return pod.metadata.creation_timestamp


def last_seen(event: Any) -> datetime:
    """Return when an event happened last."""
    return event.last_timestamp or event.event_time or event.metadata.creation_timestamp


def last_exception(log: str) -> str:
    """Return the exception that ended a stage, from its log; empty if there is none."""
    _, _, traceback = log.rpartition(TRACEBACK)
    said = next((line for line in traceback.splitlines() if line and not line[0].isspace()), "")
    return said.removeprefix(f"{UserError.__module__}.{UserError.__name__}: ") if TRACEBACK in log else ""


def one_line(text: str) -> str:
    """Return the text on one line of bounded length."""
    return " ".join(text.split())[:300]
