"""One open run in MLflow, and everything that is written to it."""

import errno
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simpgan.components.core.tracking.errors import OTHER_VERSION, status_of
from simpgan.components.core.tracking.lineage import DataSet
from simpgan.components.core.tracking.metric_log import Entry, History
from simpgan.components.core.tracking.open_run import (
    LONGEST_TAG,
    PIPELINE_TAG,
    PIPELINE_TASK,
    REASON_TAG,
    RunRequest,
    close_silent,
    connect,
    open_run,
)
from simpgan.components.core.tracking.status import Ending

if TYPE_CHECKING:
    import numpy
    from mlflow.entities import Metric

METRICS_A_BATCH = 1000

NEVER_PASSING = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR)
NEVER_PASSES = re.compile(
    f"{OTHER_VERSION}|unable to open database|readonly database|file is not a database|authentication failed"
    "|certificate verify failed|CA certificate bundle|unsupported URI|No connection adapters"
)
"""What MLflow, SQLAlchemy and requests say of a store or server that stays as it is until somebody does something."""

_IMAGE_FILE = re.compile(r"images/(?P<name>.+)\+step\+(?P<step>\d+)\+timestamp\+.*\+compressed\.webp")


def will_pass(error: Exception) -> bool:
    """Whether the same call may work later: nobody answered, or the server is at fault."""
    if NEVER_PASSES.search(str(error)):
        return False
    if isinstance(error, OSError):
        return error.errno not in NEVER_PASSING
    # A server all of whose connections to its database are taken calls that a bad request.
    return status_of(error) >= 429 or "QueuePool limit" in str(error) or type(error).__name__ == "OperationalError"


class Store:
    """An open run. Every method may be called again after a failure without doubling anything.

    Opening it, and every method, raises mlflow's exceptions, or OSError when nobody answers.
    """

    def __init__(self, request: RunRequest, folder: Path | None = None) -> None:
        """Open the run on the server that the environment names, or in a store in `folder`."""
        self._request = request
        self._client = connect(folder)
        self._offset = 0
        self._seen: dict[str, dict[int, float]] = defaultdict(dict)
        self._images: set[tuple[str, int]] = set()
        run, found = open_run(self._client, request)
        self.run_id = run.info.run_id
        self._start = run.info.start_time
        if found:
            for name in run.data.metrics:
                past = self._client.get_metric_history(self.run_id, name)
                self._seen[name] = {metric.step: metric.value for metric in past}
            for file in self._client.list_artifacts(self.run_id, "images"):
                if match := _IMAGE_FILE.fullmatch(file.path):
                    self._images.add((match["name"].replace("~", "/"), int(match["step"])))

    def history(self, history: History) -> None:
        """Send what the file holds beyond what was sent, apart from the steps MLflow had from the start."""
        while True:
            metrics: list[Metric] = []
            offset = self._offset
            for entry, end in history.entries_from(self._offset):
                metrics += self._unseen(entry)
                offset = end
                if len(metrics) >= METRICS_A_BATCH:
                    break
            if offset == self._offset:
                return
            self._log(metrics)
            self._offset = offset

    def metrics(self, entries: Iterable[Entry]) -> None:
        """Send entries that stand in no file."""
        self._log([metric for entry in entries for metric in self._unseen(entry)])

    def machine(self, time: int, values: Mapping[str, float]) -> None:
        """Send what was measured of the machine at `time`; its step is the run's age in seconds, also after retries."""
        step = max(0, time - self._start) // 1000
        self._log(self._unseen(Entry(step, time, values)))
        for name, value in values.items():
            self._seen[name][step] = value  # one a second is enough

    def data_sets(self, data_sets: Sequence[DataSet]) -> None:
        """List data sets as the run's inputs; what is listed already is left as it is."""
        self._client.log_inputs(self.run_id, datasets=[each.to_input() for each in data_sets])

    def image(self, name: str, image: "numpy.ndarray", step: int) -> None:
        """Send a picture of one step, unless an earlier attempt has done so."""
        if (name, step) not in self._images:
            self._client.log_image(self.run_id, image, key=name, step=step)
            self._images.add((name, step))

    def tag(self, name: str, value: str) -> None:
        """Set a tag, cut to what a store can hold."""
        self._client.set_tag(self.run_id, name, value[:LONGEST_TAG])

    def upload(self, name: str, content: bytes) -> None:
        """Write the artifact `name`, a path with slashes."""
        folder, _, file_name = name.rpartition("/")
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary, file_name)
            path.write_bytes(content)
            self._client.log_artifact(self.run_id, str(path), folder or None)

    def artifact(self, path: Path, folder: str) -> None:
        """Send a file, or a folder under its own name, into the folder of artifacts `folder`."""
        if path.is_dir():
            self._client.log_artifacts(self.run_id, str(path), f"{folder}/{path.name}".lstrip("/"))
        else:
            self._client.log_artifact(self.run_id, str(path), folder or None)

    def table(self, name: str, content: str) -> None:
        """Write a table where MLflow's UI finds it. (Its own `log_table` appends on a retry.)"""
        self.upload(name, content.encode())
        tags = self._client.get_run(self.run_id).data.tags
        tables = json.loads(tags.get("mlflow.loggedArtifacts", "[]"))
        if not any(table["path"] == name for table in tables):
            tables.append({"path": name, "type": "table"})
            self._client.set_tag(self.run_id, "mlflow.loggedArtifacts", json.dumps(tables))

    def end(self, ending: Ending) -> None:
        """Close the run; with that of a pipeline, also those of its stages that were killed without a word."""
        if self._request.task == PIPELINE_TASK:
            close_silent(self._client, f"tag.`{PIPELINE_TAG}` = '{self._request.pipeline}'")
        if ending.reason:
            self.tag(REASON_TAG, ending.reason)
        if ending.details:
            self.upload("failure.txt", ending.details.encode())
        self._client.set_terminated(self.run_id, ending.status)

    def _unseen(self, entry: Entry) -> "list[Metric]":
        """The metrics of `entry` the run lacked when it was opened; final figures also if they differ."""
        from mlflow.entities import Metric

        step = entry.step or 0
        final = entry.step is None
        return [
            Metric(name, value, entry.time, step)
            for name, value in entry.values.items()
            if step not in self._seen[name] or (final and self._seen[name][step] != value)
        ]

    def _log(self, metrics: "list[Metric]") -> None:
        """Send in batches. Sent twice, a metric is stored once: its time, step and value are its key."""
        for start in range(0, len(metrics), METRICS_A_BATCH):
            self._client.log_batch(self.run_id, metrics=metrics[start : start + METRICS_A_BATCH])
