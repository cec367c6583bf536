"""The task that this process does: a component with its parameters and inputs, so that it can be done again."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from simpgan.components.core.damaged_files import named_damage, read_json

TASK = "SIMPGAN_TASK"
"""Environment variable that names the task to its process, where a pipeline on this machine has started it."""

EXECUTOR_INPUT = "--executor_input"
FUNCTION = "--function_to_execute"
FOLDER_OF_SCHEME = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/"}
"""Where Kubeflow Pipelines puts what lies in an object store, in every pod."""


class InputArtifact(BaseModel):
    """A folder that the task reads.

    Attributes:
        uri: local path, or location in an object store.
        digest: of its content, where it is known.
        metadata: what the task that made it said of it.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    digest: str = ""
    type: str = "system.Artifact"
    metadata: dict[str, Any] = {}

    @classmethod
    def of_folder(cls, folder: Path) -> Self:
        """A folder that a command was given; of a manifest it says the name and the digest, as its artifact would."""
        path = folder.resolve() / "manifest.json"
        named = {}
        if path.is_file():
            summary = read_json(path, "ingest again")
            with named_damage(path, "ingest again"):
                named = {"name": str(summary["dataset"]), "digest": str(summary["digest"])}
        return cls(uri=str(folder.resolve()), digest=named.get("digest", ""), metadata=named)

    @classmethod
    def of_kfp(cls, artifact: Mapping[str, Any]) -> Self:
        """An artifact as Kubeflow Pipelines describes it in JSON."""
        metadata = artifact.get("metadata", {})
        return cls(
            uri=artifact["uri"],
            digest=metadata.get("digest", ""),
            type=artifact.get("type", {}).get("schemaTitle", "system.Artifact"),
            metadata=metadata,
        )


class Task(BaseModel):
    """A component with what it is given.

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
        """A stage's own command, with the parameters and folders that its component would be given."""
        lists = {name: [each] if isinstance(each, Path) else each for name, each in folders.items()}
        artifacts = {name: [InputArtifact.of_folder(folder) for folder in each] for name, each in lists.items() if each}
        return cls(component=component, parameters=dict(parameters), artifacts=artifacts)

    @classmethod
    def of_executor(cls, component: str, executor_input: str) -> Self:
        """A component with the input that Kubeflow Pipelines hands to the process of its task."""
        inputs = json.loads(executor_input).get("inputs", {})
        artifacts = {
            name: [InputArtifact.of_kfp(artifact) for artifact in given.get("artifacts", [])]
            for name, given in inputs.get("artifacts", {}).items()
        }
        return cls(component=component, parameters=inputs.get("parameterValues", {}), artifacts=artifacts)

    def uri_of(self, folder: Path) -> str:
        """Where the input artifact comes from that this process finds at the path `folder`, else the path itself."""
        uris = [artifact.uri for artifacts in self.artifacts.values() for artifact in artifacts]
        return next((uri for uri in uris if local_path(uri) == folder), str(folder.resolve()))


_of_command: list[Task] = []


def note_task(task: Task) -> None:
    """Say what this process does, where no argument of it does."""
    _of_command[:] = [task]


def current_task() -> Task | None:
    """What this process does, if it is known: its arguments tell where Kubeflow Pipelines, here or there, started it.

    The processes of a joint training have the arguments of the one that started them.
    """
    if EXECUTOR_INPUT in sys.argv and FUNCTION in sys.argv:
        executor_input, component = (sys.argv[sys.argv.index(name) + 1] for name in (EXECUTOR_INPUT, FUNCTION))
        return Task.of_executor(component, executor_input)
    return _of_command[0] if _of_command else None


def local_path(uri: str) -> Path:
    """Where a task finds the artifact at `uri`."""
    for scheme, folder in FOLDER_OF_SCHEME.items():
        if uri.startswith(scheme):
            return Path(folder + uri.removeprefix(scheme))
    return Path(uri)
