"""What can be recorded of a pipeline and of a stage."""

import io
import os
import queue
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simpgan.components.core.tracking.lineage import INPUTS, DataSet, inputs_document
from simpgan.components.core.tracking.metric_log import Entry, History
from simpgan.components.core.tracking.run_writer import Store
from simpgan.components.core.tracking.status import Ending, ending_of
from simpgan.components.core.tracking.system_metrics import Machine
from simpgan.components.core.tracking.upload_queue import Sender

if TYPE_CHECKING:
    import numpy
    import pandas
    from matplotlib.figure import Figure

WRITE_SECONDS = 5.0
OPEN_SECONDS = 60.0
END_SECONDS = {"FINISHED": 90.0, "FAILED": 30.0, "KILLED": 10.0}
"""How long the end of a run waits for a server that does not answer; a killed pod has 30 seconds in all."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-. ]*(/[A-Za-z0-9_][A-Za-z0-9_\-. ]*)*")


class _Run:
    """What the run of a pipeline and of a stage have in common."""

    def __init__(self, sender: Sender | None) -> None:
        self._sender = sender

    def tag(self, name: str, value: str) -> None:
        """Set a tag; a later value replaces an earlier one."""
        self._send(lambda store: store.tag(name, value))

    def artifact(self, path: Path, folder: str = "") -> None:
        """Keep a file or a whole folder, which must stay as it is until the run's block ends."""
        self._send(lambda store: store.artifact(path, folder))

    def text(self, name: str, text: str) -> None:
        """Keep `text` as the artifact `name`, such as "summary.md"."""
        self._send(lambda store: store.upload(name, text.encode()))

    def _send(self, call: Callable[[Store], None]) -> None:
        if self._sender:
            self._sender.put(call)

    def end(self, ending: Ending) -> None:
        """Send what is left and close the run; called by the run's block."""
        if self._sender:
            self._sender.close(lambda store: store.end(ending), END_SECONDS[ending.status])


class PipelineRun(_Run):
    """The run of a pipeline; see `pipeline_run`.

    Attributes:
        id: identifies the pipeline's runs in MLflow, as the tag `simpgan.pipeline_run`.
    """

    def __init__(self, pipeline: str, sender: Sender | None) -> None:
        super().__init__(sender)
        self.id = pipeline

    def wait_until_open(self) -> None:
        """Wait for the run, so that a new store is set up once, here, before the stages find it."""
        if self._sender:
            self._sender.wait_until_open(OPEN_SECONDS)

    def log_artifact(self, path: Path) -> None:
        """Keep a file or a whole folder, which must stay as it is until the run's block ends."""
        self.artifact(path)

    def log_metrics(self, values: Mapping[str, float]) -> None:
        """Record final figures, such as {"cmc/rank-1": 31.2}."""
        for name in values:
            _check_name(name)
        entry = Entry(None, _now(), {name: float(value) for name, value in values.items()})
        self._send(lambda store: store.metrics([entry]))

    def log_curves(self, curves: "Mapping[str, numpy.ndarray]") -> None:
        """Record curves over ranks from 1, such as {"cmc/all250/direct": [31.2, ...]}."""
        for name in curves:
            _check_name(name)
        entries = [Entry(step, _now(), values) for step, values in _by_rank(curves)]
        self._send(lambda store: store.metrics(entries))


class StageRun(_Run):
    """The run of a stage; see `stage_run`."""

    def __init__(self, history: History, sender: Sender | None) -> None:
        super().__init__(sender)
        self._machine = Machine(sender.opened, self._measured_machine) if sender else None
        self._history = history
        self._begun = False
        self._entries: list[Entry] = []
        self._written = time.monotonic()
        self._names: set[str] = set()

    def resume(self, step: int) -> None:
        """Go on after `step`, the last one the checkpoint knows. To be called before anything is measured.

        Drops what the history file says of later steps, which will be done again. MLflow gets what it lacks
        of the earlier ones, and of the later ones only those it has not seen. A run that is never resumed
        starts its history anew.
        """
        if self._begun:
            raise RuntimeError("resume() comes before the first metrics of a run")
        self._begin(step)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Record what was measured at `step`. Only appends to a list; written every few seconds.

        Args:
            step: not negative, and growing for each name.
            values: name to value. Names are made of letters, digits and `_-. /`, as in "loss/cycle".
        """
        self._measured(step, values)
        if time.monotonic() - self._written > WRITE_SECONDS:
            self._write(durable=False)

    def summary(self, values: Mapping[str, float]) -> None:
        """Record final figures, such as {"cmc/rank-1": 31.2}; a retry replaces them."""
        self._measured(None, values)

    def wait_for_id(self) -> str:
        """The run's id in MLflow; empty if nothing is recorded, or the server does not answer in time."""
        answer: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._send(lambda store: answer.put(store.run_id))
        try:
            return answer.get(timeout=OPEN_SECONDS) if self._sender else ""
        except queue.Empty:
            return ""

    def curves(self, curves: "Mapping[str, numpy.ndarray]") -> None:
        """Record curves over ranks from 1, whose step is the rank: MLflow's UI lays those of several runs together."""
        for step, values in _by_rank(curves):
            self._measured(step, values)

    def flush(self) -> None:
        """Make sure the history survives a crash. Call it right before each checkpoint is saved."""
        self._write(durable=True)

    def task(self, stage: str, settings: Mapping[str, Any], digests: Mapping[str, str]) -> None:
        """Keep what it takes to do the task again; called by the run's block."""
        self._send(lambda store: store.upload(INPUTS, inputs_document(stage, settings, digests).encode()))

    def data_sets(self, *data_sets: DataSet) -> None:
        """Say which data sets the stage reads or makes."""
        self._send(lambda store: store.data_sets(data_sets))

    def image(self, name: str, image: "numpy.ndarray", step: int) -> None:
        """Keep a picture that steps through training in MLflow's UI.

        Args:
            name: such as "translation/target".
            image: uint8, height x width x 3, RGB.
            step: training step.
        """
        _check_name(name)
        if image.dtype != "uint8" or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"an image is uint8, height x width x 3, not {image.dtype} {image.shape}")
        copy = image.copy()
        self._send(lambda store: store.image(name, copy, step))

    def figure(self, name: str, figure: "Figure | Path") -> None:
        """Keep a matplotlib figure (as PNG) or a picture file as `figures/<name>.<type>`."""
        if isinstance(figure, Path):
            suffix, content = figure.suffix, figure.read_bytes()
        else:  # drawn here: matplotlib's figures belong to the thread that made them
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
            suffix, content = ".png", buffer.getvalue()
        self._send(lambda store: store.upload(f"figures/{name}{suffix}", content))

    def table(self, name: str, table: "pandas.DataFrame") -> None:
        """Keep a table as `<name>.json`, which MLflow's UI shows and compares; a retry replaces it."""
        content = table.to_json(orient="split", index=False, date_format="iso")
        self._send(lambda store: store.table(f"{name}.json", content))

    def _measured(self, step: int | None, values: Mapping[str, float]) -> None:
        for name in values.keys() - self._names:
            _check_name(name)
            self._names.add(name)
        self._entries.append(Entry(step, _now(), {name: float(value) for name, value in values.items()}))

    def _measured_machine(self, time: int, values: Mapping[str, float]) -> None:
        self._send(lambda store: store.machine(time, values))

    def _begin(self, last_step: int | None) -> None:
        self._begun = True
        self._history.keep(last_step)
        self._send(lambda store: store.history(self._history))

    def _write(self, *, durable: bool) -> None:
        if not self._begun:
            self._begin(None)
        entries, self._entries = self._entries, []
        self._written = time.monotonic()
        self._history.append(entries, durable=durable)
        self._send(lambda store: store.history(self._history))

    def end(self, ending: Ending) -> None:
        """Write and send what is left and close the run, as failed if that fails; called by the run's block."""
        if self._machine:
            self._machine.end()
        try:
            if self._begun or self._entries:
                self.flush()
        except BaseException as error:
            super().end(ending_of(error) if ending.status == "FINISHED" else ending)
            raise
        super().end(ending)


class UnrecordedStageRun(StageRun):
    """The run of a stage in a process that leaves recording to another one, and leaves no trace."""

    def __init__(self) -> None:
        super().__init__(History(Path(os.devnull)), None)

    def _begin(self, last_step: int | None) -> None:
        self._begun = True

    def _write(self, *, durable: bool) -> None:
        self._entries = []


def _by_rank(curves: "Mapping[str, numpy.ndarray]") -> Iterator[tuple[int, dict[str, float]]]:
    for place in range(max(map(len, curves.values()), default=0)):
        yield place + 1, {name: float(curve[place]) for name, curve in curves.items() if place < len(curve)}


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' cannot name a metric or image: use letters, digits and _-. / as in cmc/rank-1")


def _now() -> int:
    return time.time_ns() // 1_000_000
