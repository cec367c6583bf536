"""The tasks that Kubeflow Pipelines lists for a run: all nodes of its Argo workflow."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import kfp_server_api as api

from simpgan.pipelines.cluster.workflow_nodes import fnv_1a

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # what the server gives as the end of a task that has not ended
ENDED = ("SUCCEEDED", "FAILED", "SKIPPED")


@dataclass
class Node:
    """A node of the workflow; its id is not in the server's answers."""

    state: str
    seconds: float | None
    children: list[str] = field(default_factory=list)


class Workflow:
    """A workflow on a cluster whose configuration gives every template a retry strategy, as the standard one does.

    Therefore every node has a node for each attempt, named with `(0)` for the first.
    """

    def __init__(self, name: str = "simpgan-adapt-jjvk9") -> None:
        self.name = name
        self.nodes: dict[str, Node] = {name: Node("RUNNING", None)}
        self.add_attempt(name, "RUNNING")
        self.root = self.add_with_driver(f"{name}(0)", "root", "RUNNING")

    def add(self, name: str, parent: str, state: str, seconds: float | None = None) -> None:
        """Add a node, or change its state."""
        if name not in self.nodes:
            self.nodes[parent].children.append(name)
        self.nodes.setdefault(name, Node(state, seconds))
        self.nodes[name].state, self.nodes[name].seconds = state, seconds

    def add_attempt(self, name: str, state: str, seconds: float | None = None, number: int = 0) -> str:
        """Add an attempt at a node."""
        attempt = f"{name}({number})"
        self.add(attempt, name, state, seconds)
        return attempt

    def add_with_driver(self, group: str, key: str, state: str, seconds: float | None = None) -> str:
        """Add the driver of a task, which succeeded, and the task, which depends on it. Return the task's attempt."""
        driver = f"{group}.{key}-driver"
        self.add(driver, group, "SUCCEEDED", 5)
        self.add(f"{group}.{key}", self.add_attempt(driver, "SUCCEEDED", 5), state, seconds)
        return self.add_attempt(f"{group}.{key}", state, seconds)

    def group(self, *keys: str | int) -> str:
        """Add groups within each other, and return the innermost: a key is a group's, a number is an iteration's."""
        group = self.root
        for key in keys:
            if isinstance(key, int):
                self.add(f"{group}.iteration-iterations", group, "RUNNING")
                iteration = f"{group}.iteration-iterations({key}:{key})"
                self.add(iteration, f"{group}.iteration-iterations", "RUNNING")
                group = self.add_with_driver(self.add_attempt(iteration, "RUNNING"), "iteration-item", "RUNNING")
            elif key.startswith("for-loop"):
                self.add(f"{group}.{key}", group, "RUNNING")
                group = self.add_attempt(f"{group}.{key}", "RUNNING")
                self.add(f"{group}.iteration-driver", group, "SUCCEEDED", 5)
                self.add_attempt(f"{group}.iteration-driver", "SUCCEEDED", 5)
            else:
                group = self.add_with_driver(group, key, "RUNNING")
        return group

    def stage(
        self,
        *way: str | int,
        state: str = "RUNNING",
        seconds: float | None = None,
        cached: bool = False,
        attempts: int = 1,
    ) -> None:
        """Set the state of a task of the pipeline.

        Args:
            way: the groups and iterations around the task, and its name.
            state: its state.
            seconds: how long it took, if it has ended.
            cached: whether the cache had its outputs.
            attempts: how many pods were started for it.
        """
        *groups, key = way
        task = self.add_with_driver(self.group(*groups), str(key), state, seconds)
        executor = f"{task}.executor"
        if cached:
            self.add(executor, task, "SKIPPED", 0)
            return
        self.add(executor, task, state, seconds)
        for attempt in range(attempts):
            self.add_attempt(executor, state if attempt == attempts - 1 else "FAILED", seconds, attempt)

    def tasks(self, with_children: bool = True) -> list[api.V2beta1PipelineTaskDetail]:
        """Return the nodes as the server lists them."""
        return list(self.listed(with_children))

    def listed(self, with_children: bool) -> Iterator[api.V2beta1PipelineTaskDetail]:
        for name, node in sorted(self.nodes.items(), key=lambda each: fnv_1a(each[0])):
            children = [
                api.PipelineTaskDetailChildTask(pod_name=f"{self.name}-{fnv_1a(each)}") for each in node.children
            ]
            yield api.V2beta1PipelineTaskDetail(
                task_id=str(uuid5(NAMESPACE_OID, name)),
                display_name=name.rpartition(".")[2],
                state=node.state,
                start_time=BEGAN,
                end_time=BEGAN + timedelta(seconds=node.seconds or 0) if node.state in ENDED else NEVER,
                child_tasks=children if with_children and children else None,
            )
