"""Run a campaign: `simpgan run table1` without kfp and MLflow, in pieces of some minutes.

    python -m tests.studies.campaign COMMANDS --data FOLDER --state FOLDER [--seconds 560] [--at-once 2] [--plan]

COMMANDS holds one `simpgan run table1 ...` a line, the most valuable first. Each is done by the stages' own commands,
one process each, so neither kfp nor MLflow is needed. The same command again goes on where the last one stopped.
"""

import contextlib
import time
from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import noted_interrupts
from simpgan.components.core.results.joining import join, join_probes
from simpgan.components.core.results.probes import FILE as PROBES
from simpgan.components.core.results.probes import read_probes_beside, write_probes
from simpgan.components.core.results.rows import ResultsRow, read_results, write_results
from simpgan.pipelines.runner.command_text import command_line
from simpgan.pipelines.runner.folder_lock import FolderLock
from tests.studies.campaign.estimates import Machine, seconds_of_step
from tests.studies.campaign.steps import Line, Step, read_lines
from tests.studies.campaign.work import State, Worker, say

application = typer.Typer(pretty_exceptions_enable=False)


@application.command()
def main(
    commands: Annotated[Path, typer.Argument(help="File with one `simpgan run table1 ...` a line.")],
    data: Annotated[Path, typer.Option(help="Folder from which the paths in COMMANDS start.")],
    state: Annotated[Path, typer.Option(help="Folder for everything that is written.")],
    seconds: Annotated[float, typer.Option(help="Time to work; a checkpoint may take 20 more.")] = float("inf"),
    at_once: Annotated[int, typer.Option(min=1, help="Steps that run at a time.")] = 1,
    plan: Annotated[bool, typer.Option("--plan", help="Show the steps and their estimates, and do nothing.")] = False,
    machine: Annotated[Path | None, typer.Option(help="Estimate for this machine; by default it is measured.")] = None,
) -> None:
    """Do what is not done yet until the time is over, and write the rows so far to STATE/results."""
    until = time.monotonic() + seconds
    place = State(state.resolve())
    file, numbers = commands.resolve(), machine and machine.resolve()
    try:
        with contextlib.chdir(data), FolderLock(place.folder):
            lines = read_lines(file)
            steps = list({step.key: step for line in lines for step in line.steps}.values())
            able = Machine.read(numbers) if numbers else Machine.kept_in(place.folder / "machine.json")
            estimates = {step.key: seconds_of_step(step, able) for step in steps}
            worker = Worker(place, lambda step: estimates[step.key], at_once)
            if not plan:
                with noted_interrupts("ending: trainings save a checkpoint first") as interrupt:
                    worker.work(steps, until, interrupt)
                    for line in lines:
                        write_rows(line, place)
            say(overview(steps, estimates, worker))
    except UserError as error:
        raise SystemExit(f"campaign: {error}") from None
    if worker.failed:
        raise SystemExit(1)


def overview(steps: list[Step], estimates: dict[str, float], worker: Worker) -> str:
    """Every step with its state and estimate, and the sum of what is left."""
    left = [step for step in steps if not worker.state.is_done(step)]
    lines = [f"\n{len(steps) - len(left)} of {len(steps)} steps are done. The others, with estimates from nothing:"]
    for step in left:
        why = f": failed: {worker.failed[step.name]}" if step.name in worker.failed else ""
        lines.append(f"{in_words(estimates[step.key]):>8}  {step.title}{why}")
    return "\n".join([*lines, f"{in_words(sum(estimates[step.key] for step in left)):>8}  in all"])


def in_words(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def write_rows(line: Line, state: State) -> list[ResultsRow]:
    """Write the rows of a command's evaluations that are done, as `run table1` would, for `simpgan results`."""
    done = [state.output(step) / "results.json" for step in line.evaluations if state.is_done(step)]
    if not done:
        return []
    out = state.folder / "results" / line.out
    out.mkdir(parents=True, exist_ok=True)
    rows = join(map(read_results, done))
    write_results(rows, out / "results.json")
    write_probes(join_probes(map(read_probes_beside, done)), out / PROBES)
    (out / "command.txt").write_text(command_line(line.arguments) + "\n")
    return rows


if __name__ == "__main__":
    application()
