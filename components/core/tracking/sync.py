"""Upload runs recorded on this machine to a tracking server, each only once however often it is repeated."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking.client import connect, find_experiment, search_all_runs
from simpgan.components.core.tracking.errors import explained, server_name
from simpgan.components.core.tracking.outcome import Status
from simpgan.components.core.tracking.run_owner import has_ended
from simpgan.components.core.tracking.store_address import sqlite_file
from simpgan.components.core.tracking.tags import (
    METRICS_PER_BATCH,
    PARAMETERS_PER_BATCH,
    PARENT_TAG,
    PIPELINE_TAG,
    PIPELINE_TASK,
    PROCESS_TAG,
    REASON_TAG,
    SERVER_RUN_TAG,
    SILENT_END,
    STORE_FILE,
    TASK_TAG,
)

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

SYNCED_TAG = "simpgan.synced_from"
"""On a run of the server: id and end of the recorded run that it is a copy of."""


@dataclass(frozen=True)
class Synced:
    """Numbers of runs that were uploaded, existed already, and have not ended yet."""

    uploaded: int
    there: int
    running: int


def sync(folder: Path) -> Synced:
    """Upload every run recorded below a folder to the server that the environment names.

    A run that partly reached the server is completed. Runs keep their times, and nest as they were recorded.

    Raises:
        UserError: the folder holds no recorded runs, or the server does not answer.
    """
    stores = sorted(folder.rglob(STORE_FILE)) if folder.is_dir() else []
    if not stores:
        raise UserError(f"{folder} holds no recorded runs: give a folder with an {STORE_FILE} in or below it")
    with explained():
        if sqlite_file(server_name()) in [store.resolve() for store in stores]:
            raise UserError(f"{folder} is the store that MLFLOW_TRACKING_URI names: name the server to upload to")
        client = connect()
        experiment = find_experiment(client)
        recorded = [(store, run) for store in stores for run in recorded_runs(store)]
        # A stage finds its parent on the server, so parents go first.
        recorded.sort(key=lambda each: (each[1].data.tags.get(TASK_TAG) != PIPELINE_TASK, each[1].info.start_time))
        outcomes = [RunUpload(client, experiment, store, run).upload() for store, run in recorded]
    return Synced(*(outcomes.count(each) for each in ("uploaded", "there", "running")))


def recorded_runs(store: Path) -> "list[Run]":
    """Return all runs of a store on this machine."""
    local = connect(store.parent)
    return [run for each in local.search_experiments() for run in search_all_runs(local, each.experiment_id, "")]


class RunUpload:
    """The copy of one run on the server."""

    def __init__(self, client: "MlflowClient", experiment: str, store: Path, run: "Run") -> None:
        self._client = client
        self._experiment = experiment
        self._store = store
        self._run = run

    def upload(self) -> str:
        """Upload what the server lacks. Return "uploaded", "there" or "running"."""
        info, tags = self._run.info, dict(self._run.data.tags)
        status: Status = info.status
        if status == "RUNNING":
            if not has_ended(tags.get(PROCESS_TAG, "::")):
                return "running"
            status, tags[REASON_TAG] = "KILLED", SILENT_END
        mark = f"{info.run_id}:{info.end_time or 0}"
        copy = self._find() or self._create()
        if copy.data.tags.get(SYNCED_TAG) == mark:
            return "there"
        run_id = copy.info.run_id
        self._copy_parameters(copy)
        self._copy_metrics(copy)
        self._copy_data_sets(copy)
        self._copy_artifacts(run_id)
        if copy.info.status != "FINISHED":
            if status == "FINISHED" and REASON_TAG in copy.data.tags:
                self._client.delete_tag(run_id, REASON_TAG)
            self._client.set_terminated(run_id, status, info.end_time or info.start_time)
        self._copy_tags(copy, {**tags, SYNCED_TAG: mark})
        return "uploaded"

    def _find(self) -> "Run | None":
        """Find an earlier copy of the run, or the run itself if it reached the server in part."""
        tags = self._run.data.tags
        filters = [f"tag.`{SYNCED_TAG}` LIKE '{self._run.info.run_id}:%'"]
        if SERVER_RUN_TAG in tags:
            filters.append(f"attributes.run_id = '{tags[SERVER_RUN_TAG]}'")
        if PIPELINE_TAG in tags and TASK_TAG in tags:
            filters.append(f"tag.`{PIPELINE_TAG}` = '{tags[PIPELINE_TAG]}' AND tag.`{TASK_TAG}` = '{tags[TASK_TAG]}'")
        for which in filters:
            if found := self._client.search_runs([self._experiment], which, max_results=1):
                return found[0]
        return None

    def _create(self) -> "Run":
        info, tags = self._run.info, self._run.data.tags
        identity = {name: tags[name] for name in (PIPELINE_TAG, TASK_TAG) if name in tags}
        if parent := self._find_parent():
            identity[PARENT_TAG] = parent
        return self._client.create_run(self._experiment, info.start_time, identity, info.run_name)

    def _find_parent(self) -> str | None:
        tags = self._run.data.tags
        filters = []
        if PARENT_TAG in tags:
            filters.append(f"tag.`{SYNCED_TAG}` LIKE '{tags[PARENT_TAG]}:%'")
        if PIPELINE_TAG in tags and tags.get(TASK_TAG) != PIPELINE_TASK:
            filters.append(f"tag.`{PIPELINE_TAG}` = '{tags[PIPELINE_TAG]}' AND tag.`{TASK_TAG}` = '{PIPELINE_TASK}'")
        for which in filters:
            if found := self._client.search_runs([self._experiment], which, max_results=1):
                return found[0].info.run_id
        return None

    def _copy_parameters(self, copy: "Run") -> None:
        from mlflow.entities import Param

        new = [Param(*each) for each in self._run.data.params.items() if each[0] not in copy.data.params]
        for start in range(0, len(new), PARAMETERS_PER_BATCH):
            self._client.log_batch(copy.info.run_id, params=new[start : start + PARAMETERS_PER_BATCH])

    def _copy_metrics(self, copy: "Run") -> None:
        local = connect(self._store.parent)
        metrics: list[Metric] = []
        for name in self._run.data.metrics:
            there = self._client.get_metric_history(copy.info.run_id, name) if name in copy.data.metrics else []
            known = set(map(measurement_key, there))
            metrics += [
                each
                for each in local.get_metric_history(self._run.info.run_id, name)
                if measurement_key(each) not in known
            ]
        for start in range(0, len(metrics), METRICS_PER_BATCH):
            self._client.log_batch(copy.info.run_id, metrics=metrics[start : start + METRICS_PER_BATCH])

    def _copy_data_sets(self, copy: "Run") -> None:
        there, here = (run.inputs.dataset_inputs if run.inputs else [] for run in (copy, self._run))
        known = {(each.dataset.name, each.dataset.digest) for each in there}
        new = [each for each in here if (each.dataset.name, each.dataset.digest) not in known]
        if new:
            self._client.log_inputs(copy.info.run_id, datasets=new)

    def _copy_artifacts(self, run_id: str) -> None:
        local = connect(self._store.parent)
        if local.list_artifacts(self._run.info.run_id):
            self._client.log_artifacts(run_id, local.download_artifacts(self._run.info.run_id, ""))

    def _copy_tags(self, copy: "Run", tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        new = {name: value for name, value in tags.items() if name != PARENT_TAG and copy.data.tags.get(name) != value}
        self._client.log_batch(copy.info.run_id, tags=[RunTag(name, value) for name, value in new.items()])


def measurement_key(metric: "Metric") -> tuple[int, int, str]:
    """Return what distinguishes measurements; NaN equals itself here."""
    return metric.step, metric.timestamp, repr(metric.value)
