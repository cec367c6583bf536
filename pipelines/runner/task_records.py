"""Records of past tasks: files in the folder of a local run, or runs in MLflow."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kfp import dsl
from pydantic import Field, ValidationError

from simpgan.components.core.data import translation_origin
from simpgan.components.core.errors import UserError
from simpgan.components.core.process import provenance
from simpgan.components.core.process.task import InputArtifact, Task
from simpgan.components.core.settings import nearest
from simpgan.components.core.tracking.past_runs import find_stage_runs, find_task_run, read_inputs
from simpgan.pipelines.runner import relocation

FOLDER = "tasks"
LOCATIONS = ("data_root", "location")
"""Parameters of tasks that are locations."""

MLFLOW_ID = re.compile(r"[0-9a-f]{32}")


class PastTask(Task):
    """A task that was done.

    Attributes:
        name: tells it from the others of its run, such as "train_gan simpgan folds10:0 (market1501, seed 1)".
        pipeline_run: the pipeline's run that did it, as in the tags of MLflow's runs; empty if unknown.
        run_id: its own run in MLflow; empty if unknown.
        settings: all settings of its stage; empty if only the parameters tell them.
        image: container image that it ran in.
        commit: commit of its code.
    """

    name: str = ""
    pipeline_run: str = ""
    run_id: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    image: str = ""
    commit: str = ""


def slug(name: str) -> str:
    """Convert a task's name to a file name."""
    return re.sub(r"[^A-Za-z0-9_.=]+", "-", name).strip("-")


def keep_task(out: Path, name: str, task: Task, pipeline_run: str | None) -> None:
    """Write down in the folder of a run what a task is given.

    Args:
        pipeline_run: The pipeline's run that does the task now, empty if it is unknown. None if the task comes from
            the cache: what an earlier run has written down of the same task stays.
    """
    path = out / FOLDER / f"{slug(name)}.json"
    if pipeline_run is None and path.is_file() and is_same(read_task(path), task):
        return
    past = PastTask(**task.model_dump(), name=name)
    if pipeline_run is not None:
        past = past.model_copy(update={"pipeline_run": pipeline_run, "commit": provenance.commit()})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(relocated(past, relocation.relative_to_run, out).model_dump_json(indent=2) + "\n")


def relocated(past: PastTask, change: Callable[[str, Path], str], out: Path) -> PastTask:
    """Return the task of the run in `out` with every location changed."""
    parameters = {
        name: change(value, out) if name in LOCATIONS and isinstance(value, str) else value
        for name, value in past.parameters.items()
    }
    artifacts = {
        name: [each.model_copy(update={"uri": change(each.uri, out)}) for each in given]
        for name, given in past.artifacts.items()
    }
    return past.model_copy(update={"parameters": parameters, "artifacts": artifacts})


def is_same(past: PastTask, task: Task) -> bool:
    """Tell whether a past task had the same inputs."""
    return Task.model_validate(past.model_dump(include=set(Task.model_fields))) == task


def read_task(path: Path) -> PastTask:
    """Read what `keep_task` wrote, with the current locations.

    Raises:
        UserError: the file is damaged.
    """
    try:
        past = PastTask.model_validate_json(path.read_bytes())
    except ValidationError:
        raise UserError(f"{path} is damaged: run the pipeline again to write it") from None
    return relocated(past, relocation.absolute_location, path.parents[1])


def task_of(stage: str, arguments: Mapping[str, Any]) -> Task:
    """Convert a task of kfp.local."""
    artifacts: dict[str, list[InputArtifact]] = {}
    parameters: dict[str, Any] = {}
    for name, value in arguments.items():
        items = value if isinstance(value, list) else [value]
        if items and all(isinstance(item, dsl.Artifact) for item in items):
            artifacts[name] = [
                InputArtifact(
                    uri=item.uri,
                    digest=item.metadata.get("digest", ""),
                    type=item.schema_title,
                    metadata=dict(item.metadata),
                )
                for item in items
            ]
        else:
            parameters[name] = value
    return Task(component=stage, parameters=parameters, artifacts=artifacts)


def find_past_task(run: str, stage: str) -> PastTask:
    """Find a past task.

    Args:
        run: the --out of a run on this machine, or the id of an MLflow run, of a pipeline or of a stage.
        stage: a stage such as train_gan, or a task by its name.

    Raises:
        UserError: there is no such run, or not exactly one such task in it.
    """
    if Path(run).is_dir():
        return of_folder(Path(run), stage)
    if not MLFLOW_ID.fullmatch(run):
        raise UserError(f"'{run}' is neither a folder nor the id of an MLflow run: give the --out of a run, or an id")
    runs = find_stage_runs(run)
    names, stages, ids = ([getattr(each, field) for each in runs] for field in ("name", "stage", "id"))
    found = runs[find_position(names, stages, stage, ids)]
    document = {**read_inputs(found), "name": found.name, "run_id": found.id}
    try:
        return PastTask.model_validate(document)
    except ValidationError:
        raise UserError(f"what the run {found.id} was given was written by another version") from None


def of_folder(out: Path, stage: str) -> PastTask:
    """Find a task of a run on this machine."""
    tasks = [read_task(path) for path in sorted((out / FOLDER).glob("*.json"))]
    if not tasks:
        raise UserError(f"no tasks in {out}: give the --out of simpgan run")
    task = tasks[find_position([each.name for each in tasks], [each.component for each in tasks], stage)]
    return task.model_copy(update={"run_id": find_task_run(task.pipeline_run, task.name)})


def sources_in_target_style(out: Path) -> dict[Path, str]:
    """Find the manifests of sources that the run in `out` translated into the target's style.

    Returns:
        The name of the task that trained a classifier on each, by the manifest's folder.

    Raises:
        UserError: the record of a task is damaged.
    """
    trainings = [read_task(path) for path in sorted((out / FOLDER).glob("pretrain*.json"))]
    made = {Path(source.uri): task.name for task in trainings for source in task.artifacts["source"]}
    return {folder: name for folder, name in made.items() if (folder / translation_origin.FILE).is_file()}


def find_position(names: Sequence[str], stages: Sequence[str], wanted: str, ids: Sequence[str] = ()) -> int:
    """Return the position of the one task with the name `wanted`, or else of the one task of that stage.

    Raises:
        UserError: there is none, or more than one.
    """
    stage = wanted.replace("-", "_")
    found = positions(names, wanted) or positions(stages, stage)
    if not found:
        raise UserError(f"the run has no stage '{wanted}': {nearest(stage, set(stages))}")
    if len(found) > 1:
        told = ", ".join(f"'{names[position]}'" + (f" (run {ids[position]})" if ids else "") for position in found)
        how = "give one of these names, or one of these runs" if ids else "give one of these names"
        raise UserError(f"the run has {len(found)} tasks '{wanted}': {how}: {told}")
    return found[0]


def positions(names: Iterable[str], wanted: str) -> list[int]:
    """Return the positions of `wanted`."""
    return [position for position, name in enumerate(names) if name == wanted]
