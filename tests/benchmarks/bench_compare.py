"""`simpgan compare` of 50 runs on an MLflow server of this machine, whole, from the shell.

Run with `python -m tests.benchmarks.bench_compare [RUNS]`. Each run has 32 methods on 10 folds of 125 probes, as one on
GRID has. First nothing is in the local cache, then everything. Where the machine does other things as well, the
processor's seconds tell more than the clock's.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from simpgan.components.core.results.methods import of_kind
from simpgan.components.core.results.probes import write_probes
from simpgan.components.core.results.rows import ResultsRow, write_results
from simpgan.components.core.tracking import pipeline_run
from tests.components.core.results.made_up import ranked, together
from tests.servers.ports import free_port

RUNS, FOLDS, PROBES = 50, 10, 125
BASES = ("direct", *of_kind("colours", "translator", "translated source"))
METHODS = [f"{base}{part}" for base in BASES for part in ("", "+adabn", "+fused", "+verification")]


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """MLflow on sqlite with one worker."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"),
            *(f"--backend-store-uri=sqlite:///{folder}/mlflow.db", f"--artifacts-destination={folder}/files"),
        ],
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5)
                break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def others() -> tuple[list[ResultsRow], pd.DataFrame]:
    """The rows and probes that are the same in every run: all but SimPGAN's."""
    random = np.random.default_rng(0)
    methods = [method for method in METHODS if method != "simpgan"]
    return together(*(evaluation(method, fold, 0.1, random) for method in methods for fold in range(FOLDS)))


def evaluation(method: str, fold: int, share: float, random: np.random.Generator) -> tuple[ResultsRow, pd.DataFrame]:
    """One whose rank-1 is about `share`."""
    return ranked(method, random.geometric(share, PROBES), fold=fold, protocol="folds10")


def record(folder: Path, place: int, same: tuple[list[ResultsRow], pd.DataFrame]) -> None:
    """A run of the pipeline with settings and results of its own."""
    random = np.random.default_rng(place)
    rows, probes = together(*(evaluation("simpgan", fold, 0.1 + 0.002 * place, random) for fold in range(FOLDS)))
    write_results([*same[0], *rows], folder / "results.json")
    write_probes(pd.concat([same[1], probes]), folder / "probes.parquet")
    with pipeline_run(f"adapt {place}", {}, {"train_gan": {"seed": place, "rate": 2e-4, "steps": 300}}) as run:
        run.log_metrics({"rank-1/folds10/simpgan": float(place)})
        run.log_artifact(folder / "results.json")
        run.log_artifact(folder / "probes.parquet")


def seconds(*arguments: str) -> tuple[float, float, str]:
    """Seconds of the clock and of the processor that the command took, and its first line."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(
        [sys.executable, "-m", "simpgan.pipelines.cli", "compare", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, processor, ran.stdout.splitlines()[0]


def main(runs: int = RUNS) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["SIMPGAN_CACHE"] = str(folder / "cache")
        with server(folder) as url:
            os.environ["MLFLOW_TRACKING_URI"] = url
            same = others()
            for place in range(runs):
                record(folder / f"run{place}", place, same)
            for what, arguments in (
                ("fetched from the server", ()),
                ("from the cache", ()),
                ("from the cache, with the page", ("--out", str(folder / "out"))),
            ):
                clock, processor, said = seconds("--experiment", "simpgan", *arguments)
                print(f"{runs} runs, {what}: {clock:.1f} s, {processor:.1f} s of the processor ({said})", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
