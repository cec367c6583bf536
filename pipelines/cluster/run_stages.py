"""The stages of a run: where each of the pipeline's tasks stands, told from the tasks that a server lists.

A server lists far more than the pipeline's tasks: the workflow, drivers, executors, groups, and attempts.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kfp_server_api import V2beta1PipelineTaskDetail, V2beta1Run

from simpgan.pipelines.cluster.workflow_nodes import Nodes

ENDED = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
ATTEMPT = re.compile(r"\((\d+)\)$")
CHANNEL = "pipelinechannel--"
SETTINGS = "_settings"

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """A task of the pipeline, in one iteration of each loop around it.

    Attributes:
        title: its name, with the items of its loops: "train-gan simpgan folds10:0".
        component: name of the component, such as "train_gan".
        state: the server's state of it, such as RUNNING.
        seconds: how long it took; None while it has not ended.
        cached: whether the cache had its outputs.
    """

    title: str
    component: str
    state: str
    seconds: float | None
    cached: bool


@dataclass(frozen=True)
class Place:
    """A task of the pipeline, and its node in the workflow.

    Attributes:
        key: the task's name in the pipeline, which no other task has.
        task: the task, as the pipeline has it.
        component: name of the component.
        items: the items of the loops around it, from the outermost.
        node: full name of its node.
    """

    key: str
    task: Document
    component: str
    items: tuple[str, ...]
    node: str


def stages_of(pipeline: Document, run: V2beta1Run) -> list[Stage]:
    """Return the stages that have begun, in the order of the pipeline.

    If the server tells no nodes' children, the iterations of a loop count as one stage.

    Args:
        pipeline: the PipelineSpec, as JSON types.
        run: the run, as the server describes it.
    """
    tasks = details(run)
    nodes = Nodes(tasks)
    places = list(find_places(pipeline, pipeline["root"], nodes, nodes.root, run.runtime_config.parameters or {}))
    found = []
    for place in places:
        named = [task for task in tasks if ATTEMPT.sub("", task.display_name or "") == place.key]
        if stage := stage_at(place, own_tasks(place, named, nodes), nodes):
            found.append(stage)
    return found


def details(run: V2beta1Run) -> list[V2beta1PipelineTaskDetail]:
    """Return the tasks that the server lists for a run."""
    return (run.run_details.task_details or []) if run.run_details else []


def find_places(
    pipeline: Document, group: Document, nodes: Nodes, node: str, arguments: Document, items: tuple[str, ...] = ()
) -> Iterator[Place]:
    """Yield the tasks of a group, and of the groups in it, once for each iteration that has begun.

    Args:
        pipeline: the PipelineSpec.
        group: the root, or the component of a loop, condition or exit handler.
        nodes: the workflow's nodes.
        node: full name of the group's node.
        arguments: the run's arguments by the pipeline's parameters.
        items: the items of the loops around the group.
    """
    for key, task in group["dag"]["tasks"].items():
        component = pipeline["components"][task["componentRef"]["name"]]
        own = f"{node}.{key}"
        if "dag" not in component:
            yield Place(key, task, component_name(pipeline, component) or key, items, own)
        elif iterations := list(nodes.iterations(own)):
            described = describe_all(loop_values(task["parameterIterator"], arguments), len(iterations))
            for iteration, item in zip(iterations, described, strict=True):
                yield from find_places(pipeline, component, nodes, iteration, arguments, (*items, item))
        else:
            yield from find_places(pipeline, component, nodes, nodes.last_attempt(own), arguments, items)


def component_name(pipeline: Document, component: Document) -> str:
    """Return the name of a component's function, the last argument of its command; empty if it has no command."""
    executor = pipeline["deploymentSpec"]["executors"][component["executorLabel"]]
    arguments = executor.get("container", {}).get("args", [])
    return arguments[-1] if arguments else ""


def loop_values(iterator: Document, arguments: Document) -> Sequence[Any]:
    """Return the values of a loop; empty if they are the output of a task, which the run does not tell."""
    items = iterator["items"]
    if "raw" in items:
        return json.loads(items["raw"])
    return arguments.get(items["inputParameter"].removeprefix(CHANNEL)) or []


def describe_all(values: Sequence[Any], iterations: int) -> list[str]:
    """Describe the items of a loop, no two alike."""
    known = [describe(value) for value in values[:iterations]]
    known += [""] * (iterations - len(known))
    return [
        item if item and known.count(item) == 1 else f"{item} item {index}".lstrip()
        for index, item in enumerate(known, start=1)
    ]


def describe(item: Any) -> str:
    """Describe an item of a loop by source, method, fold, changes and seed; empty if it has none of them."""
    if not isinstance(item, Mapping):
        return str(item)
    told = [item.get("source_name"), item.get("method")]
    if "protocol" in item:
        told.append(f"{item['protocol']}:{item.get('fold')}")
    told.extend(f"{name}={value}" for name, value in json.loads(item.get("changes") or "{}").items())
    settings = [json.loads(value) for name, value in item.items() if name.endswith(SETTINGS)]
    told.extend(dict.fromkeys(f"seed {each['seed']}" for each in settings if "seed" in each))
    return " ".join(each for each in told if each)


def own_tasks(
    place: Place, named: Sequence[V2beta1PipelineTaskDetail], nodes: Nodes
) -> Sequence[V2beta1PipelineTaskDetail]:
    """Return the tasks of the server that are this one or an attempt at it, among those with its name."""
    if not place.items:
        return named
    attempt = nodes.last_attempt(place.node)
    children = {nodes.id(each) for each in (attempt, f"{attempt}.executor", f"{place.node}.executor")}
    return [task for task in named if children & {child.pod_name for child in task.child_tasks or []}]


def stage_at(place: Place, tasks: Sequence[V2beta1PipelineTaskDetail], nodes: Nodes) -> Stage | None:
    """Return the stage of a place; None if it has not begun.

    A task that may be retried has its own entry; where none is listed, the last attempt tells.
    """
    begun = [task for task in tasks if task.state and task.state != "RUNTIME_STATE_UNSPECIFIED"]
    if not begun:
        return None
    task = max(begun, key=lambda task: attempt_number(task.display_name))
    state = task.state
    return Stage(
        title=" ".join((place.task.get("taskInfo", {}).get("name") or place.key, *place.items)),
        component=place.component,
        state=state,
        seconds=seconds_of(task),
        cached=state == "SUCCEEDED" and is_cached(place, nodes),
    )


def attempt_number(name: str) -> float:
    """Return the number of an attempt; infinity for the name of a whole task."""
    match = ATTEMPT.search(name)
    return int(match[1]) if match else float("inf")


def seconds_of(task: V2beta1PipelineTaskDetail) -> float | None:
    """Return how long a task took; the server gives 1970 as the end of one that has not ended."""
    if task.state not in ENDED or not task.start_time or not task.end_time or task.end_time < task.start_time:
        return None
    return (task.end_time - task.start_time).total_seconds()


def is_cached(place: Place, nodes: Nodes) -> bool:
    """Tell whether a stage succeeded without an executor.

    An executor that is not needed has a node, but no attempt. One that ran has attempts if it may be retried, by its
    own policy or by one that the cluster gives to all nodes.
    """
    executor = f"{nodes.last_attempt(place.node)}.executor"
    has_attempts = "retryPolicy" in place.task or f"{nodes.workflow}(0)" in nodes
    return has_attempts and executor in nodes and f"{executor}(0)" not in nodes
