"""Repeat one task of a past run, with the same inputs and settings except for given changes."""

import importlib
import json
import os
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.local import subprocess_task_handler

from simpgan import components
from simpgan.components.core import storage
from simpgan.components.core.damaged_files import named_damage, read_json
from simpgan.components.core.errors import UserError
from simpgan.components.core.process import provenance
from simpgan.components.core.process.task import InputArtifact, Task
from simpgan.components.core.tracking.context import KFP_RUN, MLFLOW_RUN_ID, PARENT_RUN, PIPELINE_RUN, RERUN_OF
from simpgan.components.core.training.checkpoint import CHECKPOINTS
from simpgan.pipelines.config.defaults import Runner
from simpgan.pipelines.config.presets import STAGES, layered, parse_assignment
from simpgan.pipelines.runner.docker_engine import code_in
from simpgan.pipelines.runner.folder_lock import FolderLock
from simpgan.pipelines.runner.local import Stages
from simpgan.pipelines.runner.runs import way_of_running
from simpgan.pipelines.runner.task_records import PastTask

OUTPUTS = "outputs.json"


@dataclass(frozen=True)
class Rerun:
    """A task to repeat, and its differences from the past one, in words."""

    task: Task
    name: str
    differences: list[str]


def prepare_rerun(
    past: PastTask, assignments: Sequence[str], runner: Runner = Runner.SUBPROCESS, data_root: str | None = None
) -> Rerun:
    """Return the task with some settings changed.

    Args:
        past: the past task.
        assignments: `stage.setting=value`.
        runner: how it will run.
        data_root: current place of its images; None: the recorded place.

    Raises:
        UserError: an unknown setting, a value that it cannot have, or one of another stage; no image for a container.
    """
    task = Task.model_validate(past.model_dump(include=set(Task.model_fields)))
    before = past.settings or resolved(task)
    for assignment in assignments:
        stage, setting, value = parse_assignment(assignment, task.component)
        if stage != task.component:
            raise UserError(f"--set {stage}.{setting}: only {task.component} is run again: leave it out")
        task = with_setting(task, setting, value)
    if data_root and "data_root" in task.parameters:
        task = task.model_copy(update={"parameters": {**task.parameters, "data_root": data_root}})
    after = resolved(task)
    differences = [
        f"{task.component}.{name} {before.get(name)} -> {after.get(name)}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    if runner == Runner.SUBPROCESS:
        commit, image = provenance.commit(), provenance.image()
    else:
        commit, image = code_in(image_of(component_of(task.component)))
    for what, then, now in (("code", past.commit, commit), ("image", past.image, image)):
        if then and then != now:
            differences.append(f"{what} {then} -> {now or 'none'}")
    return Rerun(task, past.name, differences)


def with_setting(task: Task, setting: str, value: Any) -> Task:
    """Return the task with another value of a setting, in the parameter that its component takes it from."""
    layers = layers_of(task)
    if setting in layers["changes"]:
        given = {"changes": json.dumps({**layers["changes"], setting: value})}
    elif setting in layers["own"]:
        given = {setting: str(value)}
    else:
        given = {"settings": json.dumps(layered(layers["settings"], {setting: value}))}
    return task.model_copy(update={"parameters": {**task.parameters, **given}})


def resolved(task: Task) -> dict[str, Any]:
    """Return all settings of a task, as its component resolves them.

    Raises:
        UserError: They are not valid.
    """
    if task.component not in STAGES:
        return {}
    return STAGES[task.component].resolve(**layers_of(task), stage=task.component).model_dump(mode="json")


def layers_of(task: Task) -> dict[str, dict[str, Any]]:
    """Return the values that the settings of a task come from, by the arguments of `Settings.resolve`."""
    names = STAGES[task.component].model_fields
    return {
        "settings": json.loads(task.parameters.get("settings", "{}")),
        "own": {name: value for name, value in task.parameters.items() if name in names},
        "changes": json.loads(task.parameters.get("changes", "{}")),
    }


def manifests_of(task: Task) -> list[Path]:
    """Return the manifests among a task's inputs that are on this machine."""
    folders = [Path(artifact.uri) for given in task.artifacts.values() for artifact in given]
    return [folder for folder in folders if (folder / "manifest.json").is_file()]


def with_local_inputs(task: Task) -> Task:
    """Return the task with its inputs on this machine.

    Raises:
        UserError: an input is gone or has changed.
    """
    artifacts = {
        name: [fetched_artifact(name, artifact) for artifact in given] for name, given in task.artifacts.items()
    }
    return task.model_copy(update={"artifacts": artifacts})


def fetched_artifact(name: str, artifact: InputArtifact) -> InputArtifact:
    """Return an input artifact on this machine.

    Raises:
        UserError: it is gone or has changed.
    """
    uri = artifact.uri.replace("minio://", storage.S3, 1)
    if uri.startswith(storage.S3):
        folder = storage.local_folder(uri)
    elif storage.has_scheme(uri):
        raise UserError(f"the input '{name}' is at {uri}, and only folders and s3:// can be read from here")
    else:
        folder = Path(uri)
    if not folder.is_dir():
        raise UserError(f"the input '{name}' is gone: nothing lies at {uri}: run the stage that made it again")
    if artifact.digest and (digest := digest_of(folder)) and digest != artifact.digest:
        raise UserError(f"the input '{name}' at {uri} has changed: it had the digest {artifact.digest[:12]}")
    return artifact.model_copy(update={"uri": str(folder)})


def digest_of(folder: Path) -> str:
    """Return the digest of a manifest, model, features or results, as the stages record it; empty for other folders."""
    from hashlib import sha256

    if (folder / "manifest.json").is_file():
        path = folder / "manifest.json"
        summary = read_json(path, "ingest again")
        with named_damage(path, "ingest again"):
            return str(summary["digest"])
    if (folder / "features.json").is_file():
        from simpgan.components.core.data.features import features_digest

        return features_digest(folder)
    if (folder / "model.safetensors").is_file():
        from simpgan.components.core.models.model_folder import model_digest

        return model_digest(folder)
    results = folder / "results.json"
    return sha256(results.read_bytes()).hexdigest() if results.is_file() else ""


def component_of(name: str) -> BaseComponent:
    """Return a component by its name.

    Raises:
        UserError: there is none.
    """
    for path in sorted(Path(components.__file__).parent.glob("*/component.py")):
        found = getattr(importlib.import_module(f"simpgan.components.{path.parent.name}.component"), name, None)
        if isinstance(found, BaseComponent):
            return found
    raise UserError(f"there is no component '{name}' any more: use the code of the run")


def image_of(component: BaseComponent) -> str:
    """Return the name of the image that a component runs in."""
    return component.component_spec.implementation.container.image


def executor_input(task: Task, component: BaseComponent, out: Path) -> str:
    """Return the JSON that Kubeflow Pipelines passes to the process of a task; its outputs go to folders in `out`."""
    inputs = {
        name: {
            "artifacts": [
                {
                    "name": f"{name}-{place}",
                    "uri": artifact.uri,
                    "metadata": artifact.metadata,
                    "type": {"schemaTitle": artifact.type, "schemaVersion": "0.0.1"},
                }
                for place, artifact in enumerate(artifacts)
            ]
        }
        for name, artifacts in task.artifacts.items()
    }
    outputs = {
        name: {
            "artifacts": [
                {
                    "name": name,
                    "uri": str(out / name),
                    "metadata": {},
                    "type": {"schemaTitle": output.type.partition("@")[0], "schemaVersion": "0.0.1"},
                }
            ]
        }
        for name, output in (component.component_spec.outputs or {}).items()
    }
    return json.dumps(
        {
            "inputs": {"parameterValues": task.parameters, "artifacts": inputs},
            "outputs": {"artifacts": outputs, "outputFile": str(out / OUTPUTS)},
        }
    )


def command_of(task: Task, component: BaseComponent, out: Path) -> list[str]:
    """Return the command that a container of the component's image runs."""
    container = component.component_spec.implementation.container
    given = executor_input(task, component, out)
    return [
        given if part == dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER else str(part)
        for part in [*(container.command or []), *(container.args or [])]
    ]


def run_again(rerun: Rerun, past: PastTask, out: Path, runner: Runner = Runner.SUBPROCESS) -> dict[str, str]:
    """Repeat the task with all its outputs in `out`: one folder per output, its log and its checkpoints.

    The MLflow runs of its pipeline stay unchanged: the repeated task has its own run.

    Args:
        rerun: the task to repeat.
        past: the past task.
        out: folder of the outputs.
        runner: how it runs.

    Returns:
        The digests of its outputs that have one.

    Raises:
        UserError: `out` holds a finished rerun, an input is gone, or the stage refused its inputs.
        StageFailed: the stage failed for any other reason.
    """
    with FolderLock(out) as lock:
        if (out / OUTPUTS).exists():
            raise UserError(f"{out} holds a rerun that has ended: choose another --out")
        task = with_local_inputs(rerun.task)
        component = component_of(task.component)
        command = command_of(task, component, out)
        if runner == Runner.SUBPROCESS:
            command = subprocess_task_handler.replace_python_executable(command, sys.executable)
        inputs = [artifact.uri for artifacts in task.artifacts.values() for artifact in artifacts]
        read = [*inputs, task.parameters.get("location"), resolved(task).get("weights")]
        image = image_of(component)
        writes = without_empty([task.parameters.get("data_root")])
        work = way_of_running(runner, lock, writes, without_empty(read), environment_of_rerun(past, out))
        work.check([image])
        stages = Stages(out, work)
        stages.current = stages.name = rerun.name
        stages.task = task
        with stages.ended_by_signals():
            stages.run(image, command)
        if stages.failure:
            raise stages.failure
    made = json.loads((out / OUTPUTS).read_bytes()).get("artifacts", {})
    metadata = {name: each["artifacts"][0].get("metadata", {}) for name, each in made.items()}
    return {name: each["digest"] for name, each in metadata.items() if "digest" in each}


def without_empty(locations: Sequence[str | None]) -> list[str]:
    """Return the locations that are not empty."""
    return [location for location in locations if location]


def environment_of_rerun(past: PastTask, out: Path) -> dict[str, str]:
    """Return the environment of the stage, whose run names the one it repeats and belongs to no pipeline's run."""
    inherited = {name: value for name, value in os.environ.items() if name not in (KFP_RUN, MLFLOW_RUN_ID)}
    return {
        **inherited,
        PIPELINE_RUN: uuid.uuid4().hex,
        RERUN_OF: past.run_id or past.name,
        CHECKPOINTS: str(out / "checkpoints"),
        **({PARENT_RUN: past.run_id} if past.run_id else {}),
    }
