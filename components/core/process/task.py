"""The task of this process: a component with its parameters and inputs, so that it can be repeated."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from simpgan.components.core.damaged_files import named_damage, read_json

TASK = "SIMPGAN_TASK"
"""Environment variable that names the task to its process if a pipeline on this machine started it."""

EXECUTOR_INPUT = "--executor_input"
FUNCTION = "--function_to_execute"
FOLDER_OF_SCHEME = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/"}
"""Folders in every pod where Kubeflow Pipelines mounts object stores, by scheme."""


class InputArtifact(BaseModel):
    """A folder that the task reads.

    Attributes:
        uri: local path, or location in an object store.
        digest: digest of its content, if known.
        type: type of the artifact in Kubeflow Pipelines.
        metadata: metadata set by the task that made it.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    digest: str = ""
    type: str = "system.Artifact"
    metadata: dict[str, Any] = {}

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """Describe a folder given to a command; a manifest gets name and digest, as its artifact would have."""
        path = folder.resolve() / "manifest.json"
        named = {}
        if path.is_file():
            summary = read_json(path, "ingest again")
            with named_damage(path, "ingest again"):
                named = {"name": str(summary["dataset"]), "digest": str(summary["digest"])}
        return cls(uri=str(folder.resolve()), digest=named.get("digest", ""), metadata=named)

    @classmethod
    def of_kfp(cls, artifact: Mapping[str, Any]) -> Self:
        """Convert from the JSON by which Kubeflow Pipelines describes an artifact."""
        metadata = artifact.get("metadata", {})
        return cls(
            uri=artifact["uri"],
            digest=metadata.get("digest", ""),
            type=artifact.get("type", {}).get("schemaTitle", "system.Artifact"),
            metadata=metadata,
        )


class Task(BaseModel):
    """A component with its inputs.

    Attributes:
        component: name of the stage.
        parameters: arguments by name, as they are written in the pipeline.
        artifacts: input artifacts by the name of the input, one or several each.
    """

    model_config = ConfigDict(frozen=True)

    component: str
    parameters: dict[str, Any] = {}
    artifacts: dict[str, list[InputArtifact]] = {}

    @classmethod
    def of_command(
        cls, component: str, parameters: Mapping[str, Any], folders: Mapping[str, Path | Sequence[Path]]
    ) -> Self:
        """Describe a stage's own command by the parameters and folders that its component would get."""
        lists = {name: [each] if isinstance(each, Path) else each for name, each in folders.items()}
        artifacts = {name: [InputArtifact.of_folder(folder) for folder in each] for name, each in lists.items() if each}
        return cls(component=component, parameters=dict(parameters), artifacts=artifacts)

    @classmethod
    def of_executor(cls, component: str, executor_input: str) -> Self:
        """Describe a component by the input that Kubeflow Pipelines passes to the process of its task."""
        inputs = json.loads(executor_input).get("inputs", {})
        artifacts = {
            name: [InputArtifact.of_kfp(artifact) for artifact in given.get("artifacts", [])]
            for name, given in inputs.get("artifacts", {}).items()
        }
        return cls(component=component, parameters=inputs.get("parameterValues", {}), artifacts=artifacts)

    def uri_of(self, folder: Path) -> str:
        """Return the uri of the input artifact that this process finds at the path `folder`, else the path itself."""
        uris = [artifact.uri for artifacts in self.artifacts.values() for artifact in artifacts]
        return next((uri for uri in uris if local_path(uri) == folder), str(folder.resolve()))


_of_command: list[Task] = []


def note_task(task: Task) -> None:
    """Set the task of this process, if its arguments do not tell it."""
    _of_command[:] = [task]


def current_task() -> Task | None:
    """Return the task of this process, if it is known.

    The arguments of a process that Kubeflow Pipelines started, here or on a cluster, tell its task. The processes of a
    joint training have the arguments of the one that started them.
    """
    if EXECUTOR_INPUT in sys.argv and FUNCTION in sys.argv:
        executor_input, component = (sys.argv[sys.argv.index(name) + 1] for name in (EXECUTOR_INPUT, FUNCTION))
        return Task.of_executor(component, executor_input)
    return _of_command[0] if _of_command else None


def local_path(uri: str) -> Path:
    """Return the path where a task finds the artifact at `uri`."""
    for scheme, folder in FOLDER_OF_SCHEME.items():
        if uri.startswith(scheme):
            return Path(folder + uri.removeprefix(scheme))
    return Path(uri)
