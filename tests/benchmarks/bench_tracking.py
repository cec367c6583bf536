"""What recording a training in MLflow costs it, side by side with nothing but its file, and with a server that is away.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_tracking --height 128 --width 64 --channels 32

Every turn trains in a process of its own for a while: without MLflow, on a server as a team has it (PostgreSQL, S3 and
a password, on the same machine, so that its work is in the clock's ratio), and with a server that does not answer.
Metrics of every step, a picture of translations every 100 steps (by default it is every 500) and figures of the machine
are recorded. A ratio is the median over the turns of that within a turn. On a machine that does other things as well it
needs many turns; the share of the processor's time that the threads of tracking take needs few.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from simpgan.components.core.tracking import StageRun, stage_run
from simpgan.components.core.training.loop import STEPS_BETWEEN_READS, fetch_scalars, log_scalars
from tests.benchmarks.bench_gan_step import build
from tests.benchmarks.timing import ratio, wait_for_device
from tests.servers.mlflow import MlflowServer, plain_environment
from tests.servers.ports import free_port
from tests.servers.postgresql import postgresql
from tests.servers.seaweedfs import seaweedfs

WARM_UP_SECONDS = 5.0
TRACKING_THREADS = {"tracking", "machine"}


def main() -> None:
    parser = argparse.ArgumentParser(description="what recording costs a training")
    for name, default in {"height": 64, "width": 32, "channels": 16, "blocks": 4, "pairs": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of training a turn")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    turns, seconds, child = (options.pop(name) for name in ("turns", "seconds", "child"))
    if child:
        print(json.dumps(train(options, seconds)))
    else:
        compare(turns)


def train(size: dict[str, int], seconds: float) -> dict[str, float]:
    """Train for a while. Returns seconds of the clock and of the processor a step, and those of tracking's threads."""
    with (
        TemporaryDirectory() as folder,
        stage_run("train_gan", settings=size, history=Path(folder) / "history.jsonl") as run,
    ):
        trainer = build(size, run, gradient_norm_steps=500, picture_steps=100)
        if run._sender:
            run._sender.wait_until_open(20)  # mlflow is imported, which is no part of a step
        steps = count()
        do_steps(trainer, run, steps, WARM_UP_SECONDS)
        wait_for_device()
        before = clocks()
        done = do_steps(trainer, run, steps, seconds)
        wait_for_device()
        after = clocks()
        run.flush()
        sent = threading.Event()
        run._send(lambda store: sent.set())
        sent.wait(10)
        after["tracking"] = clocks()["tracking"]  # with what it took to send all that was measured
        return {name: (now - before[name]) / done for name, now in after.items()}


def clocks() -> dict[str, float]:
    """Seconds on the clock, of this process on processors, and of its threads that track."""
    threads = [thread.ident for thread in threading.enumerate() if thread.name in TRACKING_THREADS]
    tracking = sum(time.clock_gettime(time.pthread_getcpuclockid(ident)) for ident in threads if ident)
    return {"clock": time.perf_counter(), "processor": time.process_time(), "tracking": tracking}


def do_steps(trainer, run: StageRun, steps: count, seconds: float) -> int:
    """What the training's loop does between two checkpoints, for `seconds`. Returns how many steps it was."""
    end = time.monotonic() + seconds
    done = 0
    while time.monotonic() < end:
        unread = []
        for step in (next(steps) for _ in range(STEPS_BETWEEN_READS)):
            unread.append((step, trainer.step(step)))
            trainer.show(step + 1)
        log_scalars(fetch_scalars(unread), "train_gan", run)
        done += len(unread)
    return done


def compare(turns: int) -> None:
    """Let the three kinds take turns, and print what they take."""
    times: dict[str, dict[str, list[float]]] = {}
    with TemporaryDirectory() as folder, postgresql() as database, seaweedfs(Path(folder)) as s3:
        database.sql("CREATE DATABASE mlflow")
        server = MlflowServer(Path(folder), database, "mlflow", s3, "mlflow")
        server.start()
        kinds = {
            "nothing but the file": {},
            "a server": server.environment,
            "a server that is away": {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"},
        }
        try:
            for _ in range(turns):
                for kind, environment in kinds.items():
                    found = in_a_process(environment)
                    print(f"{kind:22}  " + ", ".join(f"{clock} {value:.4f} s" for clock, value in found.items()))
                    for clock, value in found.items():
                        times.setdefault(clock, {}).setdefault(kind, []).append(value)
        finally:
            server.stop()
    clock, plain = times["clock"], times["clock"]["nothing but the file"]
    print(f"\n{median(plain):.4f} s a step with nothing but the file")
    for kind in list(kinds)[1:]:
        print(f"{kind:22}  {100 * (ratio(clock[kind], plain) - 1):+.1f} % by the clock")
        share = ratio(times["tracking"][kind], times["processor"][kind])
        print(f"{kind:22}  {100 * share:.2f} % of the processor's time for the threads that track")


def in_a_process(environment: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_tracking", *sys.argv[1:], "--child"]
    ran = subprocess.run(
        command, env={**plain_environment(), **environment}, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(ran.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
