"""What the machine is doing while a stage runs: CPU, memory, disk, network and GPUs, as MLflow measures them."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor

logger = logging.getLogger(__name__)

SAMPLE_SECONDS = 10.0
PREFIX = "system/"
"""By this MLflow's UI knows what belongs on the page of system metrics."""


class Machine:
    """Measures in a thread of its own, every `SAMPLE_SECONDS` and once at the end.

    MLflow's own monitor would send what it measures itself, and gives up when the server is away for a moment.
    """

    def __init__(self, opened: threading.Event, record: Callable[[int, Mapping[str, float]], None]) -> None:
        """Start once `opened` is set: mlflow is imported by then, which two threads must not do at once.

        Args:
            record: takes the time in milliseconds since 1970, and values by the names of metrics.
        """
        self._opened = opened
        self._record = record
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="machine", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Measure for the last time."""
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._opened.wait(0.2):
            if self._ended.is_set():
                return
        try:
            monitors = available_monitors()
            while not self._ended.wait(SAMPLE_SECONDS):
                self._measure(monitors)
            self._measure(monitors)
        except Exception as error:  # such as a container that hides /proc
            logger.debug("the machine is no longer measured: %s", error)

    def _measure(self, monitors: "list[BaseMetricsMonitor]") -> None:
        values: dict[str, float] = {}
        for monitor in monitors:
            monitor.collect_metrics()
            values |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        self._record(time.time_ns() // 1_000_000, {f"{PREFIX}{name}": value for name, value in values.items()})


def available_monitors() -> "list[BaseMetricsMonitor]":
    """MLflow's monitors of what this machine has; of GPUs only where nvidia-ml-py finds one."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors: list[BaseMetricsMonitor] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    try:
        monitors.append(GPUMonitor())
    except (ImportError, RuntimeError):
        logger.debug("no GPU to measure")
    monitors[0].collect_metrics()  # the load is measured from one look to the next
    monitors[0].clear_metrics()
    return monitors
