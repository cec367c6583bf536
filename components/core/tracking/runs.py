"""The runs of a pipeline and of a stage, and what can be logged to them."""

import io
import os
import queue
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simpgan.components.core.process.task import Task
from simpgan.components.core.tracking.lineage import INPUTS, RecordedDataSet, inputs_document
from simpgan.components.core.tracking.metric_log import Entry, MetricLog
from simpgan.components.core.tracking.outcome import RunOutcome, outcome_of
from simpgan.components.core.tracking.run_writer import RunWriter
from simpgan.components.core.tracking.system_metrics import SystemMetrics
from simpgan.components.core.tracking.upload_queue import UploadQueue

if TYPE_CHECKING:
    import numpy
    import pandas
    from matplotlib.figure import Figure

    from simpgan.components.core.data.manifest_tables import ManifestTables

WRITE_SECONDS = 5.0
OPEN_SECONDS = 60.0
END_SECONDS = {"FINISHED": 90.0, "FAILED": 30.0, "KILLED": 10.0}
"""How long the end of a run waits for a server that does not answer; a killed pod has 30 seconds in all."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-. ]*(/[A-Za-z0-9_][A-Za-z0-9_\-. ]*)*")


class _TrackedRun:
    """The common part of a pipeline's and a stage's run."""

    def __init__(self, queue: UploadQueue | None) -> None:
        self._queue = queue

    def set_tag(self, name: str, value: str) -> None:
        """Set a tag; a later value replaces an earlier one."""
        self._send(lambda writer: writer.set_tag(name, value))

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Keep a file or a whole folder, which must not change until the run's block ends."""
        self._send(lambda writer: writer.log_artifact(path, folder))

    def log_text(self, name: str, text: str) -> None:
        """Keep `text` as the artifact `name`, such as "summary.md"."""
        self._send(lambda writer: writer.log_file(name, text.encode()))

    def _send(self, call: Callable[[RunWriter], None]) -> None:
        if self._queue:
            self._queue.add(call)

    def end(self, outcome: RunOutcome) -> None:
        """Send the rest and close the run; called by the run's block."""
        if self._queue:
            self._queue.close(lambda writer: writer.end(outcome), END_SECONDS[outcome.status])


class PipelineRun(_TrackedRun):
    """The run of a pipeline; see `pipeline_run`.

    Attributes:
        id: identifies the pipeline's runs in MLflow, as the tag `simpgan.pipeline_run`.
    """

    def __init__(self, pipeline: str, queue: UploadQueue | None) -> None:
        super().__init__(queue)
        self.id = pipeline

    def wait_until_open(self) -> None:
        """Wait for the run, so that a new store is set up once, here, before the stages find it."""
        if self._queue:
            self._queue.wait_until_open(OPEN_SECONDS)

    def log_metrics(self, values: Mapping[str, float]) -> None:
        """Record final values, such as {"cmc/rank-1": 31.2}."""
        for name in values:
            _check_name(name)
        entry = Entry(None, _now(), {name: float(value) for name, value in values.items()})
        self._send(lambda writer: writer.log_entries([entry]))

    def log_curves(self, curves: "Mapping[str, numpy.ndarray]") -> None:
        """Record curves over ranks from 1, such as {"cmc/all250/direct": [31.2, ...]}."""
        for name in curves:
            _check_name(name)
        entries = [Entry(step, _now(), values) for step, values in _by_rank(curves)]
        self._send(lambda writer: writer.log_entries(entries))


class StageRun(_TrackedRun):
    """The run of a stage; see `stage_run`."""

    def __init__(self, task: Task, log: MetricLog, queue: UploadQueue | None) -> None:
        super().__init__(queue)
        self._task = task
        self._system_metrics = SystemMetrics(queue.opened, self._send_system_metrics) if queue else None
        self._log = log
        self._begun = False
        self._entries: list[Entry] = []
        self._written = time.monotonic()
        self._names: set[str] = set()

    def resume(self, step: int) -> None:
        """Continue after `step`, the last one in the checkpoint. Call it before anything is logged.

        Removes later steps, which will be repeated, from the history file. MLflow gets the earlier steps that it
        lacks, and of the later ones only those it has not seen. A run that is never resumed starts a new history.

        Raises:
            RuntimeError: metrics were logged before.
        """
        if self._begun:
            raise RuntimeError("resume() comes before the first metrics of a run")
        self._begin(step)

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Record measurements of a training step. They are kept in memory and written every few seconds.

        Args:
            step: not negative, and increasing for each name.
            values: name to value. Names consist of letters, digits and `_-. /`, as in "loss/cycle".

        Raises:
            ValueError: a name has other characters.
        """
        self._add_entry(step, values)
        if time.monotonic() - self._written > WRITE_SECONDS:
            self._write(durable=False)

    def log_summary(self, values: Mapping[str, float]) -> None:
        """Record final values, such as {"cmc/rank-1": 31.2}; a retry replaces them."""
        self._add_entry(None, values)

    def wait_for_id(self) -> str:
        """Return the run's id in MLflow; empty if nothing is recorded or the server does not answer in time."""
        answer: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._send(lambda writer: answer.put(writer.run_id))
        try:
            return answer.get(timeout=OPEN_SECONDS) if self._queue else ""
        except queue.Empty:
            return ""

    def log_curves(self, curves: "Mapping[str, numpy.ndarray]") -> None:
        """Record curves over ranks from 1. Their step is the rank, so MLflow's UI overlays those of several runs."""
        for step, values in _by_rank(curves):
            self._add_entry(step, values)

    def flush(self) -> None:
        """Write the history so that it survives a crash. Call it right before each checkpoint is saved."""
        self._write(durable=True)

    def log_inputs(self, settings: Mapping[str, Any], digests: Mapping[str, str]) -> None:
        """Keep what is needed to repeat the task; called by the run's block."""
        self._send(lambda writer: writer.log_file(INPUTS, inputs_document(self._task, settings, digests).encode()))

    def log_data_set(self, manifest: "ManifestTables", folder: Path, context: str) -> None:
        """List a data set that the stage reads or makes.

        Args:
            manifest: manifest of the data set.
            folder: where this process has read or written the manifest.
            context: its use in the stage: train, eval, reference, translate, known, new, part or made.
        """
        data_set = RecordedDataSet.of_manifest(manifest, context, self._task.uri_of(folder))
        self._send(lambda writer: writer.log_data_set(data_set))

    def log_image(self, name: str, image: "numpy.ndarray", step: int) -> None:
        """Keep the image of a training step; MLflow's UI steps through the images of one name.

        Args:
            name: name, such as "translation/target".
            image: uint8, height x width x 3, RGB.
            step: training step.

        Raises:
            ValueError: the image has another shape or type, or the name other characters than a metric's.
        """
        _check_name(name)
        if image.dtype != "uint8" or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"an image is uint8, height x width x 3, not {image.dtype} {image.shape}")
        copy = image.copy()
        self._send(lambda writer: writer.log_image(name, copy, step))

    def log_figure(self, name: str, figure: "Figure | Path") -> None:
        """Keep a matplotlib figure (as PNG) or an image file as `figures/<name>.<type>`."""
        if isinstance(figure, Path):
            suffix, content = figure.suffix, figure.read_bytes()
        else:  # drawn here: matplotlib's figures belong to the thread that made them
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
            suffix, content = ".png", buffer.getvalue()
        self._send(lambda writer: writer.log_file(f"figures/{name}{suffix}", content))

    def log_table(self, name: str, table: "pandas.DataFrame") -> None:
        """Keep a table as `<name>.json`, which MLflow's UI shows and compares; a retry replaces it."""
        content = table.to_json(orient="split", index=False, date_format="iso")
        self._send(lambda writer: writer.log_table(f"{name}.json", content))

    def _add_entry(self, step: int | None, values: Mapping[str, float]) -> None:
        for name in values.keys() - self._names:
            _check_name(name)
            self._names.add(name)
        self._entries.append(Entry(step, _now(), {name: float(value) for name, value in values.items()}))

    def _send_system_metrics(self, time: int, values: Mapping[str, float]) -> None:
        self._send(lambda writer: writer.log_system_metrics(time, values))

    def _begin(self, last_step: int | None) -> None:
        self._begun = True
        self._log.truncate(last_step)
        self._send(lambda writer: writer.log_new_entries(self._log))

    def _write(self, *, durable: bool) -> None:
        if not self._begun:
            self._begin(None)
        entries, self._entries = self._entries, []
        self._written = time.monotonic()
        self._log.append(entries, durable=durable)
        self._send(lambda writer: writer.log_new_entries(self._log))

    def end(self, outcome: RunOutcome) -> None:
        """Write and send the rest and close the run, as failed if that fails; called by the run's block."""
        if self._system_metrics:
            self._system_metrics.stop()
        try:
            if self._begun or self._entries:
                self.flush()
        except BaseException as error:
            super().end(outcome_of(error) if outcome.status == "FINISHED" else outcome)
            raise
        super().end(outcome)


class UnrecordedStageRun(StageRun):
    """The run of a stage in a process that records nothing, because another process of the stage does."""

    def __init__(self) -> None:
        super().__init__(Task(component=""), MetricLog(Path(os.devnull)), None)

    def _begin(self, last_step: int | None) -> None:
        self._begun = True

    def _write(self, *, durable: bool) -> None:
        self._entries = []


def _by_rank(curves: "Mapping[str, numpy.ndarray]") -> Iterator[tuple[int, dict[str, float]]]:
    for position in range(max(map(len, curves.values()), default=0)):
        yield position + 1, {name: float(curve[position]) for name, curve in curves.items() if position < len(curve)}


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' cannot name a metric or image: use letters, digits and _-. / as in cmc/rank-1")


def _now() -> int:
    return time.time_ns() // 1_000_000
