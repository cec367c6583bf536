"""Stages that are tracked in processes of their own, and what MLflow and the disk know of them."""

import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

from mlflow.entities import Experiment, Run
from mlflow.tracking import MlflowClient

from simpgan.components.core.tracking import read_history, runs, stage_run

ROOT = Path(__file__).parents[4]


def experiment_of(client: MlflowClient) -> Experiment | None:
    """The experiment that the environment names; None if it is not there yet."""
    return client.get_experiment_by_name(os.environ.get("MLFLOW_EXPERIMENT_NAME", "simpgan"))


def runs_of(client: MlflowClient) -> dict[str, Run]:
    """All runs by name; fails if two have the same."""
    experiment = experiment_of(client)
    assert experiment
    runs = client.search_runs([experiment.experiment_id])
    by_name = {run.info.run_name: run for run in runs}
    assert len(by_name) == len(runs)
    return by_name


def steps_of(client: MlflowClient, run: Run, name: str) -> list[tuple[int, float]]:
    return sorted((metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name))


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """The process of a stage, forked from one that has loaded mlflow (which takes seconds) and nothing else."""
    forkserver = multiprocessing.get_context("forkserver")
    forkserver.set_forkserver_preload(["mlflow.tracking", "sqlalchemy.dialects.sqlite"])
    process = forkserver.Process(target=in_environment, args=(dict(os.environ), target, *arguments))
    process.start()
    return process


def in_environment(environment: dict[str, str], target: Callable[..., None], *arguments: object) -> None:
    os.environ.clear()
    os.environ.update(environment)
    target(*arguments)


def exit_code(process: BaseProcess) -> int | None:
    process.join()
    return process.exitcode


def run_python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A fresh Python that runs `script`, with `sys.argv[1:]` being `arguments`."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def train(folder: Path, stop_after: int = -1, label: str = "", exhausted: bool = False) -> None:
    """40 steps with a checkpoint every 10, going on from the last one; hangs after step `stop_after`.

    With `exhausted` it does not hang there: it runs out of memory.
    """
    runs.WRITE_SECONDS = 0.0
    checkpoint = folder / "checkpoint"
    with stage_run("train_gan", settings={"rate": 0.1}, history=folder / "history.jsonl", label=label) as run:
        done = -1
        if checkpoint.exists():
            done = int(checkpoint.read_text())
            run.resume(done)
        for step in range(done + 1, 40):
            run.log_metrics(step, {"loss/cycle": step / 3, "loss/similarity": -step / 7})
            if step % 10 == 9:
                run.flush()
                (folder / "part").write_text(str(step))
                (folder / "part").replace(checkpoint)
            if step == stop_after:
                exhaust_memory() if exhausted else time.sleep(60)
        run.log_summary({"cmc/rank-1": 31.25})


def exhaust_memory() -> None:
    """Take all the memory that this process may have, which is what it has and little more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 300_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    taken = []
    for size in (10_000_000, 100_000, 1000):
        with suppress(MemoryError):
            while True:
                taken.append(bytearray(size))
    raise MemoryError(f"{len(taken)} pieces were not enough")


EXPECTED = {
    "loss/cycle": [(step, step / 3) for step in range(40)],
    "loss/similarity": [(step, -step / 7) for step in range(40)],
    "cmc/rank-1": [(0, 31.25)],
}


def wait_until_sent(client: MlflowClient, step: int) -> None:
    """Wait until the training of `train` is known to MLflow up to `step`."""
    for _ in range(300):
        experiment = experiment_of(client)
        for run in client.search_runs([experiment.experiment_id]) if experiment else []:
            if "loss/cycle" in run.data.metrics and steps_of(client, run, "loss/cycle")[-1][0] >= step:
                return
        time.sleep(0.1)
    raise AssertionError(f"step {step} did not arrive")


def history_on_disk(path: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for entry in read_history(path):
        for name, value in entry.values.items():
            found.setdefault(name, []).append((entry.step or 0, value))
    return found
