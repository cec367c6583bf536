"""Read the settings and result files of recorded runs."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking.client import connect, search_all_runs
from simpgan.components.core.tracking.errors import explain, explained, server_name
from simpgan.components.core.tracking.tags import (
    COMMIT_TAG,
    PARENT_TAG,
    PIPELINE_TAG,
    PIPELINE_TASK,
    RUNS_PER_PAGE,
    TASK_TAG,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

RESULT_METRIC = "rank-1/"
"""Prefix of the metrics of every run that evaluated something."""

COMPLETE = "complete"
"""A file in the cache that marks a run without further files to fetch."""

DOWNLOADS_AT_ONCE = 16
IDS_PER_QUERY = 100


@dataclass(frozen=True)
class RecordedRun:
    """A run with results.

    Attributes:
        id: id of the MLflow run that holds the results.
        name: name that people read.
        settings: resolved settings by `<stage>.<setting>`; for a stage, including those of its pipeline.
        commit: commit of the code; empty if unknown.
        folder: folder with those of the requested files that the run has.
    """

    id: str
    name: str
    settings: Mapping[str, str]
    commit: str
    folder: Path


@dataclass(frozen=True)
class SkippedRun:
    """A run whose results cannot be read, and the reason."""

    id: str
    name: str
    reason: str


def fetch_runs(run_ids: Sequence[str], files: Sequence[str]) -> Iterator[RecordedRun]:
    """Fetch runs of pipelines or of evaluate with some of their files, in the given order.

    The files of a run that has ended are fetched once, into the local cache. Runs are fetched ahead of their use.

    Args:
        run_ids: ids of the runs in MLflow.
        files: names of the files to fetch.

    Raises:
        UserError: the server does not answer, a run does not exist, or a run has no results or none that can be read.
    """
    with explained():
        client = connect()
        found = {run.info.run_id: run for run in find_runs(client, run_ids)}
        for run_id in run_ids:
            if run_id not in found:
                raise UserError(f"MLflow at {server_name()} has no run {run_id}: copy its id from the run's page")
        for run in fetch_all(client, [run_with_results(client, found[run_id]) for run_id in run_ids], files):
            if isinstance(run, SkippedRun):
                raise UserError(f"run {run.id} ('{run.name}') {run.reason}")
            yield run


def fetch_experiment(name: str, files: Sequence[str]) -> Iterator[RecordedRun | SkippedRun]:
    """Fetch all runs of an experiment that have results, oldest first; of a pipeline and its stages only one.

    Pipelines that have not ended, and runs whose files cannot be read, are yielded as `SkippedRun`.

    Args:
        name: name of the experiment.
        files: names of the files to fetch.

    Raises:
        UserError: the server does not answer, or there is no such experiment.
    """
    with explained():
        client = connect()
        experiment = client.get_experiment_by_name(name)
        if not experiment:
            known = ", ".join(sorted(each.name for each in client.search_experiments()))
            raise UserError(f"MLflow at {server_name()} has no experiment '{name}': it has {known}")
        runs = search_all_runs(client, experiment.experiment_id, "attributes.status != 'FAILED'")
        for run in runs:
            if run.info.status == "RUNNING" and run.data.tags.get(TASK_TAG) == PIPELINE_TASK:
                yield SkippedRun(run.info.run_id, run.info.run_name or "", "has not ended yet")
        with_results = [run for run in runs if run.info.status == "FINISHED" and has_results(run)]
        ids = {run.info.run_id for run in with_results}
        yield from fetch_all(client, [run for run in with_results if run.data.tags.get(PARENT_TAG) not in ids], files)


def find_runs(client: "MlflowClient", run_ids: Sequence[str]) -> "list[Run]":
    """Return the existing runs with these ids, in any experiment."""
    experiments = [each.experiment_id for each in client.search_experiments()]
    found: list[Run] = []
    for start in range(0, len(run_ids), IDS_PER_QUERY):
        listed = ", ".join(f"'{run_id}'" for run_id in run_ids[start : start + IDS_PER_QUERY])
        found += client.search_runs(experiments, f"attributes.run_id IN ({listed})", max_results=RUNS_PER_PAGE)
    return found


def has_results(run: "Run") -> bool:
    """Tell whether a run evaluated something."""
    return any(name.startswith(RESULT_METRIC) for name in run.data.metrics)


def run_with_results(client: "MlflowClient", run: "Run") -> "Run":
    """Return the run itself, or, where the stages are pods, the run of the pipeline's last evaluation.

    Raises:
        UserError: nothing was evaluated.
    """
    if has_results(run):
        return run
    pipeline = run.data.tags.get(PIPELINE_TAG)
    if pipeline and run.data.tags.get(TASK_TAG) == PIPELINE_TASK:
        stages = search_all_runs(client, run.info.experiment_id, f"tag.`{PIPELINE_TAG}` = '{pipeline}'")
        if evaluations := [stage for stage in stages if has_results(stage)]:
            return evaluations[-1]
    raise UserError(
        f"run {run.info.run_id} ('{run.info.run_name}', {run.info.status}) has no results: "
        "give a pipeline's run that has ended, or one of evaluate"
    )


def fetch_all(
    client: "MlflowClient", runs: "Sequence[Run]", files: Sequence[str]
) -> Iterator[RecordedRun | SkippedRun]:
    """Yield the runs with their files and the settings of their pipelines."""
    parent_ids = sorted({parent for run in runs if (parent := run.data.tags.get(PARENT_TAG))})
    parents = {run.info.run_id: run for run in find_runs(client, parent_ids)} if parent_ids else {}

    def fetch(run: "Run") -> RecordedRun | SkippedRun:
        parent = parents.get(run.data.tags.get(PARENT_TAG, ""))
        name = run.info.run_name or ""
        name = f"{parent.info.run_name}, {name}" if parent else name
        try:
            folder = download_files(client, run, files)
        except Exception as error:  # each kind of store raises its own
            return SkippedRun(run.info.run_id, name, f"has files that cannot be read: {explain(error)}")
        return RecordedRun(
            id=run.info.run_id,
            name=name,
            settings=recorded_settings(*([parent] if parent else []), run),
            commit=run.data.tags.get(COMMIT_TAG, ""),
            folder=folder,
        )

    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        yield from pool.map(fetch, runs)


def recorded_settings(*runs: "Run") -> dict[str, str]:
    """Return resolved settings by `<stage>.<setting>`, as the stages and the pipeline record them."""
    found: dict[str, str] = {}
    for run in runs:
        for parameter, value in run.data.params.items():
            name = parameter.removeprefix(f"{PIPELINE_TASK}.")
            stage, is_stage, _ = name.partition("_settings")
            if is_stage and value.startswith("{"):  # a pipeline on a cluster is given each stage's settings as JSON
                for setting, each in json.loads(value).items():
                    found[f"{stage}.{setting}"] = each if isinstance(each, str) else json.dumps(each)
            else:
                found[name] = value
    return found


def download_files(client: "MlflowClient", run: "Run", names: Iterable[str]) -> Path:
    """Return the folder of the local cache with those of the files that the run has."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    server = sha256(server_name().encode()).hexdigest()[:16]
    folder = storage.cache_folder() / "runs" / server / f"{run.info.run_id}-{run.info.end_time or 0}"
    missing = [name for name in names if not (folder / name).is_file()]
    if missing and not (folder / COMPLETE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        repository = get_artifact_repository(run.info.artifact_uri, client.tracking_uri)
        there = {artifact.path for artifact in repository.list_artifacts()}
        for name in there.intersection(missing):
            with storage.beside(folder / name) as partial:
                # Every store implements this; download_artifacts first makes three more requests for each file.
                repository._download_file(name, str(partial))
        if run.info.end_time and there:  # files that are gone may be restored
            (folder / COMPLETE).touch()
    return folder
