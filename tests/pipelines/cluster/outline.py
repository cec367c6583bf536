"""Outline compiled pipelines: what a reviewer has to see of them, each fact once.

A compiled pipeline repeats the source and the pod of a component for each task. An outline has a digest of the source,
one line per argument of a task, and one line per setting of a pod.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from tests.pipelines.graphs.compiled_tasks import dags

Document = dict[str, Any]

CHANNEL = "pipelinechannel--"


def outline_components(documents: list[Document]) -> Document:
    """Outline the components of pipelines by name."""
    outlined: Document = {}
    for document in documents:
        for name, component, _ in programs(document):
            program = json.dumps([container(document, component)[key] for key in ("command", "args")])
            outline = {"source": f"sha256:{hashlib.sha256(program.encode()).hexdigest()}"}
            outline |= {key: types(component.get(f"{key}Definitions", {})) for key in ("input", "output")}
            state(outlined, name, outline)
    return outlined


def outline_graph(document: Document) -> Document:
    """Outline a pipeline's parameters and tasks. The tasks of a loop, a condition or an exit handler are within it."""
    return {
        "description": document["pipelineInfo"]["description"],
        "parameters": types(document["root"]["inputDefinitions"]),
        "tasks": outline_tasks(document, document["root"]["dag"]["tasks"]),
    }


def outline_tasks(document: Document, tasks: Document) -> Document:
    """Outline tasks by name.

    The inputs of a group of tasks are left out: kfp passes on what the tasks within it take. Retry policies are left
    out, too: they are settings of pods.
    """
    outlined: Document = {}
    for name, task in tasks.items():
        component = document["components"][task["componentRef"]["name"]]
        outline = {key: task[key] for key in task if key not in ("componentRef", "inputs", "retryPolicy", "taskInfo")}
        outline["title"] = task["taskInfo"]["name"]
        if "dag" in component:
            outline["tasks"] = outline_tasks(document, component["dag"]["tasks"])
        else:
            outline["component"] = container(document, component)["args"][-1]
            outline["inputs"] = {
                argument: origin(value) for inputs in task["inputs"].values() for argument, value in inputs.items()
            }
        outlined[name] = outline
    return outlined


def origin(argument: Document) -> Any:
    """Return where an argument of a task comes from: `task.output`, the name of a parameter, or a constant."""
    match argument:
        case {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": output}}:
            return f"{task}.{output.removeprefix(CHANNEL)}"
        case {"componentInputArtifact": name} | {"componentInputParameter": name}:
            selector = argument.get("parameterExpressionSelector", "").removeprefix("parseJson(string_value)")
            return name.removeprefix(CHANNEL) + selector
        case {"runtimeValue": constant}:
            return constant
    return argument


def outline_pods(documents: list[Document], platforms: list[Document]) -> Document:
    """Outline the pods of components: the settings of every pod, then the further ones of each.

    Args:
        platforms: the part for Kubernetes of each document.
    """
    pods: dict[str, frozenset[str]] = {}
    for document, platform in zip(documents, platforms, strict=True):
        of_kubernetes = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        for name, component, task in programs(document):
            settings = container(document, component) | of_kubernetes[component["executorLabel"]]
            settings["retryPolicy"] = task.get("retryPolicy")
            state(pods, name, frozenset(lines(settings, document["pipelineInfo"]["name"])))
    common = frozenset.intersection(*pods.values())
    alike: dict[frozenset[str], list[str]] = {}
    for name, settings in sorted(pods.items()):
        alike.setdefault(settings - common, []).append(name)
    return {"every pod": sorted(common)} | {", ".join(names): sorted(settings) for settings, names in alike.items()}


def lines(settings: Document, pipeline: str) -> Iterator[str]:
    """Yield one line per setting, and per element of a list, without the program."""
    image = settings["image"]
    yield f"image {image}"
    for key in settings.keys() - {"args", "command", "image"}:
        for value in settings[key] if isinstance(settings[key], list) else [settings[key]]:
            line = f"{key} {json.dumps(value, sort_keys=True)}"
            yield line.replace(f'"{image}"', "its image").replace(f'"{pipeline}"', "its pipeline")


def programs(document: Document) -> Iterator[tuple[str, Document, Document]]:
    """Yield each task that is no group of tasks: the name of its component, the component, and the task."""
    for tasks in dags(document):
        for task in tasks.values():
            component = document["components"][task["componentRef"]["name"]]
            if "executorLabel" in component:
                yield container(document, component)["args"][-1], component, task


def container(document: Document, component: Document) -> Document:
    """Return the container that runs a component."""
    return document["deploymentSpec"]["executors"][component["executorLabel"]]["container"]


def types(definitions: Document) -> dict[str, str]:
    """Return the types of parameters and artifacts by name."""
    found = {name: parameter["parameterType"] for name, parameter in definitions.get("parameters", {}).items()}
    for name, artifact in definitions.get("artifacts", {}).items():
        kind = artifact["artifactType"]["schemaTitle"].removeprefix("system.")
        found[name] = f"list of {kind}" if artifact.get("isArtifactList") else kind
        found[name] += ", optional" if artifact.get("isOptional") else ""
    return found


def state(outlined: dict[str, Any], name: str, outline: Any) -> None:
    """Add what a task tells of its component, the same as every other task of it."""
    assert outlined.setdefault(name, outline) == outline, f"two tasks of {name} differ: {outlined[name]}, {outline}"
