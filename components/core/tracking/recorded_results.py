"""Reading what runs have recorded: their settings, and the files of their results."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking.errors import explained, server_name
from simpgan.components.core.tracking.open_run import PIPELINE_TAG, PIPELINE_TASK, TASK_TAG, connect
from simpgan.components.core.tracking.upload_queue import first_line

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

AT_ONCE = 16
PARENT_TAG = "mlflow.parentRunId"
COMMIT_TAG = "mlflow.source.git.commit"
RESULT_METRIC = "rank-1/"
"""What the metrics of a run begin with that has evaluated something."""

COMPLETE = "complete"
"""A file in the cache that says that there is no more to fetch."""

A_PAGE = 1000
IDS_A_QUESTION = 100


@dataclass(frozen=True)
class RecordedRun:
    """A run that has results.

    Attributes:
        id: of the run in MLflow that holds them.
        name: what people read.
        settings: resolved, by `<stage>.<setting>`; those of its pipeline where it is a stage's.
        commit: of the code; empty where it was not known.
        folder: holds the files asked for, as far as the run has them.
    """

    id: str
    name: str
    settings: Mapping[str, str]
    commit: str
    folder: Path


@dataclass(frozen=True)
class LeftOut:
    """A run that has no results to read, and why."""

    id: str
    name: str
    reason: str


def recorded_runs(run_ids: Sequence[str], files: Sequence[str]) -> Iterator[RecordedRun]:
    """Runs of pipelines or of evaluate, in the order asked for, with files of theirs.

    What a run that has ended holds is fetched once, into the local cache; others are fetched while one is looked at.

    Raises:
        UserError: the server does not answer, knows no such run, or the run has no results or none that can be read.
    """
    with explained():
        client = connect()
        found = {run.info.run_id: run for run in runs_by_id(client, run_ids)}
        for run_id in run_ids:
            if run_id not in found:
                raise UserError(f"MLflow at {server_name()} has no run {run_id}: copy its id from the run's page")
        for run in fetched(client, [holding_results(client, found[run_id]) for run_id in run_ids], files):
            if isinstance(run, LeftOut):
                raise UserError(f"run {run.id} ('{run.name}') {run.reason}")
            yield run


def runs_of_experiment(name: str, files: Sequence[str]) -> Iterator[RecordedRun | LeftOut]:
    """As `recorded_runs`: all of an experiment that have results, oldest first; of a pipeline and its stages only one.

    Pipelines that have not ended, and runs whose files cannot be read, are told apart from the others.

    Raises:
        UserError: the server does not answer, or there is no such experiment.
    """
    with explained():
        client = connect()
        experiment = client.get_experiment_by_name(name)
        if not experiment:
            known = ", ".join(sorted(each.name for each in client.search_experiments()))
            raise UserError(f"MLflow at {server_name()} has no experiment '{name}': it has {known}")
        runs = every_run(client, experiment.experiment_id, "attributes.status != 'FAILED'")
        for run in runs:
            if run.info.status == "RUNNING" and run.data.tags.get(TASK_TAG) == PIPELINE_TASK:
                yield LeftOut(run.info.run_id, run.info.run_name or "", "has not ended yet")
        with_results = [run for run in runs if run.info.status == "FINISHED" and has_results(run)]
        ids = {run.info.run_id for run in with_results}
        yield from fetched(client, [run for run in with_results if run.data.tags.get(PARENT_TAG) not in ids], files)


def runs_by_id(client: "MlflowClient", run_ids: Sequence[str]) -> "list[Run]":
    """The runs there are of those ids, wherever they are."""
    experiments = [each.experiment_id for each in client.search_experiments()]
    found: list[Run] = []
    for start in range(0, len(run_ids), IDS_A_QUESTION):
        listed = ", ".join(f"'{run_id}'" for run_id in run_ids[start : start + IDS_A_QUESTION])
        found += client.search_runs(experiments, f"attributes.run_id IN ({listed})", max_results=A_PAGE)
    return found


def every_run(client: "MlflowClient", experiment: str, which: str) -> "list[Run]":
    """All runs that match a filter, oldest first."""
    found: list[Run] = []
    token = None
    while token is None or token:
        page = client.search_runs(
            [experiment], which, max_results=A_PAGE, order_by=["attributes.start_time ASC"], page_token=token
        )
        found += page
        token = page.token or ""
    return found


def has_results(run: "Run") -> bool:
    return any(name.startswith(RESULT_METRIC) for name in run.data.metrics)


def holding_results(client: "MlflowClient", run: "Run") -> "Run":
    """The run itself, or where the stages are pods, that of the pipeline's last evaluation.

    Raises:
        UserError: nothing was evaluated.
    """
    if has_results(run):
        return run
    pipeline = run.data.tags.get(PIPELINE_TAG)
    if pipeline and run.data.tags.get(TASK_TAG) == PIPELINE_TASK:
        stages = every_run(client, run.info.experiment_id, f"tag.`{PIPELINE_TAG}` = '{pipeline}'")
        if evaluations := [stage for stage in stages if has_results(stage)]:
            return evaluations[-1]
    raise UserError(
        f"run {run.info.run_id} ('{run.info.run_name}', {run.info.status}) has no results: "
        "give a pipeline's run that has ended, or one of evaluate"
    )


def fetched(client: "MlflowClient", runs: "Sequence[Run]", files: Sequence[str]) -> Iterator[RecordedRun | LeftOut]:
    """The runs with their files and the settings of their pipelines."""
    parent_ids = sorted({parent for run in runs if (parent := run.data.tags.get(PARENT_TAG))})
    parents = {run.info.run_id: run for run in runs_by_id(client, parent_ids)} if parent_ids else {}

    def fetch(run: "Run") -> RecordedRun | LeftOut:
        parent = parents.get(run.data.tags.get(PARENT_TAG, ""))
        name = run.info.run_name or ""
        name = f"{parent.info.run_name}, {name}" if parent else name
        try:
            folder = files_of(client, run, files)
        except Exception as error:  # each kind of store has its own
            return LeftOut(run.info.run_id, name, f"has files that cannot be read: {first_line(error)}")
        return RecordedRun(
            id=run.info.run_id,
            name=name,
            settings=settings_of(*([parent] if parent else []), run),
            commit=run.data.tags.get(COMMIT_TAG, ""),
            folder=folder,
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(fetch, runs)


def settings_of(*runs: "Run") -> dict[str, str]:
    """Resolved settings by `<stage>.<setting>`, as the stages and the pipeline record them."""
    found: dict[str, str] = {}
    for run in runs:
        for parameter, value in run.data.params.items():
            name = parameter.removeprefix(f"{PIPELINE_TASK}.")
            stage, of_stage, _ = name.partition("_settings")
            if of_stage and value.startswith("{"):  # a pipeline on a cluster is given each stage's settings as JSON
                for setting, each in json.loads(value).items():
                    found[f"{stage}.{setting}"] = each if isinstance(each, str) else json.dumps(each)
            else:
                found[name] = value
    return found


def files_of(client: "MlflowClient", run: "Run", names: Iterable[str]) -> Path:
    """The folder of the local cache with those of the files that the run has."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    server = sha256(server_name().encode()).hexdigest()[:16]
    folder = storage.cache_folder() / "runs" / server / f"{run.info.run_id}-{run.info.end_time or 0}"
    missing = [name for name in names if not (folder / name).is_file()]
    if missing and not (folder / COMPLETE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        kept = get_artifact_repository(run.info.artifact_uri, client.tracking_uri)
        there = {artifact.path for artifact in kept.list_artifacts()}
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            for name in there.intersection(missing):
                # What every store implements; download_artifacts asks three times more about each file first.
                kept._download_file(name, f"{beside}/{name}")
                os.replace(f"{beside}/{name}", folder / name)
        if run.info.end_time and there:  # files that are gone may be brought back
            (folder / COMPLETE).touch()
    return folder
