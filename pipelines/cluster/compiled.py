"""A compiled pipeline: its identity, its caching, and its arguments."""

import copy
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import nearest

TYPES: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "LIST": (list,),
    "STRUCT": (dict,),
    "BOOLEAN": (bool,),
    "NUMBER_INTEGER": (int,),
    "NUMBER_DOUBLE": (int, float),
}
LARGEST_INTEGER = 2**53  # Parameters travel as JSON numbers, which the server reads as doubles.


@dataclass(frozen=True)
class Compiled:
    """The input of a Kubeflow Pipelines server.

    Attributes:
        pipeline: the PipelineSpec, as JSON types.
        platform: the PlatformSpec; empty if there are no settings for Kubernetes.
    """

    pipeline: Mapping[str, Any]
    platform: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the pipeline's name on the server."""
        return self.pipeline["pipelineInfo"]["name"]

    @property
    def digest(self) -> str:
        """Return the sha256 (hex) of the pipeline."""
        content = json.dumps([self.pipeline, self.platform], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def retries(self) -> int:
        """Return how often a failed task is retried at most."""
        return max(task.get("retryPolicy", {}).get("maxRetryCount", 0) for task in tasks(self.pipeline))

    def as_yaml(self) -> str:
        """Return the file to upload."""
        return yaml.safe_dump_all([dict(each) for each in (self.pipeline, self.platform) if each], sort_keys=True)

    def named(self, name: str) -> "Compiled":
        """Return the same pipeline under another name."""
        return replace(
            self, pipeline={**self.pipeline, "pipelineInfo": {**self.pipeline["pipelineInfo"], "name": name}}
        )

    def without_cache(self, taking: str = "") -> "Compiled":
        """Return the same pipeline with tasks that never come from the cache.

        The client's own switch affects only tasks of the root, and no uploaded pipeline.

        Args:
            taking: only tasks that get a parameter of this name; empty: all.
        """
        changed = copy.deepcopy(dict(self.pipeline))
        for task in tasks(changed):
            if not taking or taking in task.get("inputs", {}).get("parameters", {}):
                task["cachingOptions"] = {}
        return replace(self, pipeline=changed)

    def complete(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return all arguments, with the defaults: servers were seen to leave a default that is not passed empty.

        Raises:
            UserError: an argument is unknown, missing, or not of its parameter's type.
        """
        parameters = self.pipeline["root"].get("inputDefinitions", {}).get("parameters", {})
        for name in arguments:
            if name not in parameters:
                raise UserError(f"pipeline {self.name} has no parameter '{name}': {nearest(name, parameters)}")
        complete = {}
        for name, parameter in parameters.items():
            if name in arguments:
                complete[name] = arguments[name]
            elif "defaultValue" in parameter:
                default = parameter["defaultValue"]
                complete[name] = int(default) if parameter["parameterType"] == "NUMBER_INTEGER" else default
            elif not parameter.get("isOptional"):
                raise UserError(f"pipeline {self.name}: parameter '{name}' is missing: give it a value")
            else:
                continue
            refuse_other_type(name, complete[name], parameter["parameterType"])
        return complete


def tasks(pipeline: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every task: those of the root, and those in loops, conditions and exit handlers."""
    for component in (pipeline["root"], *pipeline.get("components", {}).values()):
        yield from component.get("dag", {}).get("tasks", {}).values()


def refuse_other_type(name: str, value: Any, kind: str) -> None:
    """Raise UserError unless a parameter of the type `kind` can have `value`."""
    given = f"parameter '{name}' = {shortened(value)}"
    expected = TYPES.get(kind)
    if expected is None:
        raise UserError(f"parameter '{name}' is of the type {kind}, which cannot be given: compile the pipeline again")
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "BOOLEAN"):
        raise UserError(f"{given}: it takes a {kind}, which {type(value).__name__} is not")
    for number in numbers(value):
        if not math.isfinite(number):
            raise UserError(f"{given}: JSON has no number {number}")
        if isinstance(number, int) and abs(number) > LARGEST_INTEGER:
            raise UserError(f"{given}: integers above 2^53 would be rounded on their way: give it as text or smaller")


def numbers(value: Any) -> Iterator[int | float]:
    """Yield every number in a value of JSON types."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def shortened(value: Any) -> str:
    """Return the value as text of bounded length."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_compiled(path: Path) -> Compiled:
    """Read a compiled pipeline from a file.

    Raises:
        UserError: there is no such file, or it holds no pipeline.
    """
    try:
        documents = list(yaml.safe_load_all(path.read_text()))
        pipeline, platform = documents if len(documents) == 2 else (*documents, {})
        json_format.ParseDict(pipeline, PipelineSpec())
        found = Compiled(pipeline, platform)
        if not found.name or not list(tasks(pipeline)):
            raise ValueError("it has no name or no tasks")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: give a pipeline's YAML file") from None
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError, json_format.ParseError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is no compiled pipeline: {reason}: make one by simpgan compile") from None
    return found
