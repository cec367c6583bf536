"""Do the steps of a campaign, one or several at a time, until a time limit."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from simpgan.components.core.process.interrupts import Interrupt
from tests.studies.campaign.steps import RESUMABLE, Step

ROOT = Path(__file__).parents[3]
SECONDS_TO_END = 20.0
"""For a training to end its step and write its checkpoint, of up to half a gigabyte; then it is killed."""

PROGRESS = " steps, "
"""What a training's line of progress contains."""

SECONDS_TO_START = 15.0
"""Below this, a training would load its images and end."""


@dataclass(frozen=True)
class State:
    """The folder of a campaign: outputs of steps, images and checkpoints, logs, results."""

    folder: Path

    @property
    def data_root(self) -> Path:
        """Shards and checkpoints."""
        return self.folder / "data"

    def output(self, step: Step) -> Path:
        """The output of a step; it exists when the step is done."""
        return self.folder / "steps" / step.name

    def partial(self, step: Step) -> Path:
        """Where a step writes its output until it is done."""
        return self.folder / "partial" / step.name

    def log(self, step: Step) -> Path:
        """What a step printed, in all its attempts."""
        return self.folder / "logs" / f"{step.name}.log"

    def is_done(self, step: Step) -> bool:
        """Tell whether the output of a step exists."""
        return self.output(step).is_dir()

    def command(self, step: Step) -> list[str]:
        """The arguments of `simpgan` that do a step. Its settings are written to a file."""
        inputs = [part for option, other in step.inputs for part in (option, str(self.output(other))) if part]
        written = ["--data-root", str(self.data_root), "--out", str(self.partial(step))]
        command = [step.stage, *step.given, *inputs, *written]
        if step.settings is None:
            return command
        settings = self.folder / "settings" / f"{step.name}.yaml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps({step.stage.replace("-", "_"): step.settings}))
        return [*command, "--preset", str(settings)]


class Running:
    """A step at work, in a process group of its own that ends with this process."""

    def __init__(self, step: Step, state: State, threads: int) -> None:
        self.step, self.state = step, state
        self.started = time.monotonic()
        for path in (state.output(step), state.partial(step), state.log(step)):
            path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(state.partial(step), ignore_errors=True)
        python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = {
            "OMP_WAIT_POLICY": "PASSIVE",
            **({"OMP_NUM_THREADS": str(threads)} if threads else {}),
            **os.environ,
            "PYTHONPATH": python_path,
            "PYTHONUNBUFFERED": "1",
        }
        with state.log(step).open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.studies.campaign.stage", *state.command(step)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                env=environment,
            )

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the step and its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def last_words(self, with_text: str = "") -> str:
        """The last line that the step printed, or the last one with a text."""
        lines = self.state.log(self.step).read_text(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip() and with_text in line), "")


@dataclass
class Worker:
    """Does steps that are not done, the first ones first.

    Attributes:
        state: folder of the campaign.
        seconds_of: estimate of a step that begins from nothing.
        at_once: steps that run at a time.
    """

    state: State
    seconds_of: Callable[[Step], float]
    at_once: int = 1

    def __post_init__(self) -> None:
        self.running: list[Running] = []
        self.started: set[str] = set()
        self.failed: dict[str, str] = {}

    def work(self, steps: Sequence[Step], until: float, interrupt: Interrupt) -> None:
        """Do the steps until all are done, it is `until` by the monotonic clock, or a signal came.

        Then the steps at work are ended: a training saves a checkpoint, other stages lose their work. So one of these
        is only started if its estimate fits in the time that is left, or as the first of all.
        """
        while True:
            time_is_over = interrupt.number or time.monotonic() >= until
            waiting = [] if time_is_over else list(self.startable(steps, until - time.monotonic()))
            if not self.running and not waiting:
                return
            for step in waiting[: self.at_once - len(self.running)]:
                self.start(step)
            if time_is_over:
                end_all(self.running)
            for each in [each for each in self.running if each.process.poll() is not None]:
                self.running.remove(each)
                self.close(each, bool(time_is_over))
            time.sleep(0.05)

    def startable(self, steps: Sequence[Step], remaining: float) -> Iterator[Step]:
        """Yield the steps that can be started now."""
        for step in steps:
            waits = not all(self.state.is_done(other) for other in step.inputs_of())
            if waits or self.state.is_done(step) or step.name in self.started:
                continue
            needed = SECONDS_TO_START if step.stage in RESUMABLE else self.seconds_of(step)
            if not self.started or remaining >= needed:
                yield step

    def start(self, step: Step) -> None:
        """Start a step."""
        say(f"{step.title} ...")
        self.started.add(step.name)
        threads = max(1, (os.cpu_count() or 1) // self.at_once) if self.at_once > 1 else 0
        self.running.append(Running(step, self.state, threads))

    def close(self, ended: Running, stopped: bool) -> None:
        """Keep the output of a step that is done, else note how it ended."""
        step, seconds = ended.step, time.monotonic() - ended.started
        if ended.process.returncode == 0:
            self.state.partial(step).rename(self.state.output(step))
            say(f"{step.title}: {seconds:.1f} s")
        elif stopped:
            say(f"{step.title}: stopped after {seconds:.1f} s. {ended.last_words(PROGRESS)}")
        else:
            self.failed[step.name] = ended.last_words()
            say(f"{step.title}: failed: {ended.last_words()}")


def end_all(running: Sequence[Running]) -> None:
    """Ask all steps to end, and kill those that work on after `SECONDS_TO_END`."""
    for each in running:
        each.kill(signal.SIGTERM)
    last_moment = time.monotonic() + SECONDS_TO_END
    for each in running:
        with suppress(subprocess.TimeoutExpired):
            each.process.wait(max(0.0, last_moment - time.monotonic()))
        each.kill(signal.SIGKILL)
        each.process.wait()


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)
