"""Measure CPU, memory, disk, network and GPUs while a stage runs, as MLflow does."""

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
"""MLflow's UI shows metrics with this prefix on the page of system metrics."""


class SystemMetrics:
    """Measures the machine in a thread, every `SAMPLE_SECONDS` and once at the end.

    MLflow's own monitor sends its measurements itself, and gives up when the server is away for a moment.
    """

    def __init__(self, opened: threading.Event, record: Callable[[int, Mapping[str, float]], None]) -> None:
        """Start as soon as `opened` is set: mlflow is imported by then, which two threads must not do at once.

        Args:
            opened: set when the run is open.
            record: takes the time in milliseconds since 1970, and metric names to values.
        """
        self._opened = opened
        self._record = record
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="system-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Measure for the last time, and end the thread."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._opened.wait(0.2):
            if self._stopped.is_set():
                return
        try:
            monitors = available_monitors()
            while not self._stopped.wait(SAMPLE_SECONDS):
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
    """Return MLflow's monitors for this machine; of GPUs only if nvidia-ml-py finds one."""
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors: list[BaseMetricsMonitor] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    try:
        monitors.append(GPUMonitor())
    except (ImportError, RuntimeError):
        logger.debug("no GPU to measure")
    monitors[0].collect_metrics()  # the load is measured between two calls
    monitors[0].clear_metrics()
    return monitors
