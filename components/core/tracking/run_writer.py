"""Write to one open run in MLflow."""

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from simpgan.components.core.tracking.client import close_dead_runs, connect
from simpgan.components.core.tracking.lineage import RecordedDataSet
from simpgan.components.core.tracking.metric_log import Entry, MetricLog
from simpgan.components.core.tracking.open_run import RunRequest, open_run
from simpgan.components.core.tracking.outcome import RunOutcome
from simpgan.components.core.tracking.tags import (
    FAILURE,
    LONGEST_TAG,
    METRICS_PER_BATCH,
    PIPELINE_TAG,
    PIPELINE_TASK,
    REASON_TAG,
)

if TYPE_CHECKING:
    import numpy
    from mlflow.entities import Metric

_IMAGE_FILE = re.compile(r"images/(?P<name>.+)\+step\+(?P<step>\d+)\+timestamp\+.*\+compressed\.webp")


class RunWriter:
    """An open run. Every method can be repeated after a failure without writing anything twice.

    The constructor and every method raise mlflow's exceptions, or OSError if the server does not answer.
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

    def log_new_entries(self, log: MetricLog) -> None:
        """Send what was appended to the file since the last call, except steps that MLflow had when the run opened."""
        while True:
            metrics: list[Metric] = []
            offset = self._offset
            for entry, end in log.entries_from(self._offset):
                metrics += self._unseen(entry)
                offset = end
                if len(metrics) >= METRICS_PER_BATCH:
                    break
            if offset == self._offset:
                return
            self._log(metrics)
            self._offset = offset

    def log_entries(self, entries: Iterable[Entry]) -> None:
        """Send entries that are in no file."""
        self._log([metric for entry in entries for metric in self._unseen(entry)])

    def log_system_metrics(self, time: int, values: Mapping[str, float]) -> None:
        """Send measurements of the machine. Their step is the run's age in seconds, also after a retry.

        Args:
            time: milliseconds since 1970.
            values: metric name to value.
        """
        step = max(0, time - self._start) // 1000
        self._log(self._unseen(Entry(step, time, values)))
        for name, value in values.items():
            self._seen[name][step] = value  # one per second is enough

    def log_data_set(self, data_set: RecordedDataSet) -> None:
        """List a data set as an input of the run, unless it is listed already."""
        self._client.log_inputs(self.run_id, datasets=[data_set.to_input()])

    def log_image(self, name: str, image: "numpy.ndarray", step: int) -> None:
        """Send the image of one step, unless an earlier attempt has sent it."""
        if (name, step) not in self._images:
            self._client.log_image(self.run_id, image, key=name, step=step)
            self._images.add((name, step))

    def set_tag(self, name: str, value: str) -> None:
        """Set a tag, cut to the length that a store can hold."""
        self._client.set_tag(self.run_id, name, value[:LONGEST_TAG])

    def log_file(self, name: str, content: bytes) -> None:
        """Write `content` as the artifact `name`, a path with slashes."""
        folder, _, file_name = name.rpartition("/")
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary, file_name)
            path.write_bytes(content)
            self._client.log_artifact(self.run_id, str(path), folder or None)

    def log_artifact(self, path: Path, folder: str) -> None:
        """Send a file, or a folder under its own name, into the artifact folder `folder`."""
        if path.is_dir():
            self._client.log_artifacts(self.run_id, str(path), f"{folder}/{path.name}".lstrip("/"))
        else:
            self._client.log_artifact(self.run_id, str(path), folder or None)

    def log_table(self, name: str, content: str) -> None:
        """Write a table where MLflow's UI finds it; MLflow's own `log_table` would append on a retry."""
        self.log_file(name, content.encode())
        tags = self._client.get_run(self.run_id).data.tags
        tables = json.loads(tags.get("mlflow.loggedArtifacts", "[]"))
        if not any(table["path"] == name for table in tables):
            tables.append({"path": name, "type": "table"})
            self._client.set_tag(self.run_id, "mlflow.loggedArtifacts", json.dumps(tables))

    def end(self, outcome: RunOutcome) -> None:
        """Close the run; for a pipeline, also the runs of its stages that were killed without a word."""
        if self._request.task == PIPELINE_TASK:
            close_dead_runs(self._client, f"tag.`{PIPELINE_TAG}` = '{self._request.pipeline}'")
        if outcome.reason:
            self.set_tag(REASON_TAG, outcome.reason)
        if outcome.details:
            self.log_file(FAILURE, outcome.details.encode())
        self._client.set_terminated(self.run_id, outcome.status)

    def _unseen(self, entry: Entry) -> "list[Metric]":
        """Return the metrics of `entry` that the run lacked when it opened, and final values that differ."""
        from mlflow.entities import Metric

        step = entry.step or 0
        final = entry.step is None
        return [
            Metric(name, value, entry.time, step)
            for name, value in entry.values.items()
            if step not in self._seen[name] or (final and self._seen[name][step] != value)
        ]

    def _log(self, metrics: "list[Metric]") -> None:
        """Send in batches. A metric sent twice is stored once: its time, step and value are its key."""
        for start in range(0, len(metrics), METRICS_PER_BATCH):
            self._client.log_batch(self.run_id, metrics=metrics[start : start + METRICS_PER_BATCH])
