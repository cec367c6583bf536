"""Uploading runs that were recorded on this machine to a tracking server, each once however often it is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking.errors import explained, server_name
from simpgan.components.core.tracking.open_run import (
    PARAMETERS_A_BATCH,
    PIPELINE_TAG,
    PIPELINE_TASK,
    PROCESS_TAG,
    REASON_TAG,
    RUN_TAG,
    SILENT_END,
    STORE,
    TASK_TAG,
    connect,
    find_experiment,
)
from simpgan.components.core.tracking.recorded_results import PARENT_TAG, every_run
from simpgan.components.core.tracking.run_owner import has_ended
from simpgan.components.core.tracking.run_writer import METRICS_A_BATCH
from simpgan.components.core.tracking.status import Status
from simpgan.components.core.tracking.store_address import sqlite_file

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

SYNCED_TAG = "simpgan.synced_from"
"""Which recorded run, ended when, a run of the server is the copy of."""


@dataclass(frozen=True)
class Synced:
    """How many runs were uploaded, were there already, and have not ended yet."""

    uploaded: int
    there: int
    running: int


def sync(folder: Path) -> Synced:
    """Upload every run recorded below a folder to the server that the environment names.

    A run that reached the server in part is completed. Runs keep their times, and nest as they were recorded.

    Raises:
        UserError: nothing is recorded there, or the server does not answer.
    """
    stores = sorted(folder.rglob(STORE)) if folder.is_dir() else []
    if not stores:
        raise UserError(f"{folder} holds no recorded runs: give a folder with an {STORE} in or below it")
    with explained():
        if sqlite_file(server_name()) in [store.resolve() for store in stores]:
            raise UserError(f"{folder} is the store that MLFLOW_TRACKING_URI names: name the server to upload to")
        client = connect()
        experiment = find_experiment(client)
        recorded = [(store, run) for store in stores for run in runs_of_store(store)]
        # A stage finds its parent on the server, so that goes first.
        recorded.sort(key=lambda each: (each[1].data.tags.get(TASK_TAG) != PIPELINE_TASK, each[1].info.start_time))
        outcomes = [Upload(client, experiment, store, run).make() for store, run in recorded]
    return Synced(*(outcomes.count(each) for each in ("uploaded", "there", "running")))


def runs_of_store(store: Path) -> "list[Run]":
    """All runs of a store on this machine."""
    local = connect(store.parent)
    return [run for each in local.search_experiments() for run in every_run(local, each.experiment_id, "")]


class Upload:
    """The copy of one run on the server."""

    def __init__(self, client: "MlflowClient", experiment: str, store: Path, run: "Run") -> None:
        self._client = client
        self._experiment = experiment
        self._store = store
        self._run = run

    def make(self) -> str:
        """Upload what the server lacks. Returns "uploaded", "there" or "running"."""
        info, tags = self._run.info, dict(self._run.data.tags)
        status: Status = info.status
        if status == "RUNNING":
            if not has_ended(tags.get(PROCESS_TAG, "::")):
                return "running"
            status, tags[REASON_TAG] = "KILLED", SILENT_END
        mark = f"{info.run_id}:{info.end_time or 0}"
        copy = self._found() or self._created()
        if copy.data.tags.get(SYNCED_TAG) == mark:
            return "there"
        run_id = copy.info.run_id
        self._parameters(copy)
        self._metrics(copy)
        self._data_sets(copy)
        self._artifacts(run_id)
        if copy.info.status != "FINISHED":
            if status == "FINISHED" and REASON_TAG in copy.data.tags:
                self._client.delete_tag(run_id, REASON_TAG)
            self._client.set_terminated(run_id, status, info.end_time or info.start_time)
        self._tags(copy, {**tags, SYNCED_TAG: mark})
        return "uploaded"

    def _found(self) -> "Run | None":
        """What the server has of the run: an earlier copy, or what arrived while it was made."""
        tags = self._run.data.tags
        filters = [f"tag.`{SYNCED_TAG}` LIKE '{self._run.info.run_id}:%'"]
        if RUN_TAG in tags:
            filters.append(f"attributes.run_id = '{tags[RUN_TAG]}'")
        if PIPELINE_TAG in tags and TASK_TAG in tags:
            filters.append(f"tag.`{PIPELINE_TAG}` = '{tags[PIPELINE_TAG]}' AND tag.`{TASK_TAG}` = '{tags[TASK_TAG]}'")
        for which in filters:
            if found := self._client.search_runs([self._experiment], which, max_results=1):
                return found[0]
        return None

    def _created(self) -> "Run":
        info, tags = self._run.info, self._run.data.tags
        identity = {name: tags[name] for name in (PIPELINE_TAG, TASK_TAG) if name in tags}
        if parent := self._parent():
            identity[PARENT_TAG] = parent
        return self._client.create_run(self._experiment, info.start_time, identity, info.run_name)

    def _parent(self) -> str | None:
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

    def _parameters(self, copy: "Run") -> None:
        from mlflow.entities import Param

        new = [Param(*each) for each in self._run.data.params.items() if each[0] not in copy.data.params]
        for start in range(0, len(new), PARAMETERS_A_BATCH):
            self._client.log_batch(copy.info.run_id, params=new[start : start + PARAMETERS_A_BATCH])

    def _metrics(self, copy: "Run") -> None:
        local = connect(self._store.parent)
        metrics: list[Metric] = []
        for name in self._run.data.metrics:
            there = self._client.get_metric_history(copy.info.run_id, name) if name in copy.data.metrics else []
            known = set(map(identity, there))
            metrics += [
                each for each in local.get_metric_history(self._run.info.run_id, name) if identity(each) not in known
            ]
        for start in range(0, len(metrics), METRICS_A_BATCH):
            self._client.log_batch(copy.info.run_id, metrics=metrics[start : start + METRICS_A_BATCH])

    def _data_sets(self, copy: "Run") -> None:
        there, here = (run.inputs.dataset_inputs if run.inputs else [] for run in (copy, self._run))
        known = {(each.dataset.name, each.dataset.digest) for each in there}
        new = [each for each in here if (each.dataset.name, each.dataset.digest) not in known]
        if new:
            self._client.log_inputs(copy.info.run_id, datasets=new)

    def _artifacts(self, run_id: str) -> None:
        local = connect(self._store.parent)
        if local.list_artifacts(self._run.info.run_id):
            self._client.log_artifacts(run_id, local.download_artifacts(self._run.info.run_id, ""))

    def _tags(self, copy: "Run", tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        new = {name: value for name, value in tags.items() if name != PARENT_TAG and copy.data.tags.get(name) != value}
        self._client.log_batch(copy.info.run_id, tags=[RunTag(name, value) for name, value in new.items()])


def identity(metric: "Metric") -> tuple[int, int, str]:
    """What tells one measurement from another; NaN is itself here."""
    return metric.step, metric.timestamp, repr(metric.value)
