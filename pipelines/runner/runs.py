"""Run a pipeline on this machine, from a checked request to the files of results."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from simpgan.components.core import storage
from simpgan.components.core.results.probes import read_probes_beside
from simpgan.components.core.results.rows import ResultsRow, read_results
from simpgan.components.core.results.summary import final_curves, final_figures
from simpgan.components.core.results.unlabelled_checks import FILE as CHECKS
from simpgan.components.core.results.unlabelled_checks import read_checks
from simpgan.components.core.tracking import PipelineRun, pipeline_run
from simpgan.pipelines.config.defaults import Runner
from simpgan.pipelines.requests.request import CheckedRequest
from simpgan.pipelines.runner.command_text import command_line
from simpgan.pipelines.runner.folder_lock import FolderLock
from simpgan.pipelines.runner.relocation import write_data_root
from simpgan.pipelines.runner.run_outputs import write_parts

if TYPE_CHECKING:
    from simpgan.pipelines.runner.local import Finished
    from simpgan.pipelines.runner.stage_container import Containers
    from simpgan.pipelines.runner.stage_process import Processes

RESULTS, PROBES, REPORT, REPORTS = "results.json", "probes.parquet", "report.html", "reports"
TABLES = ("results.md", "results.html", "ablations.md", "ablations.html", "results.svg")


def run_adapt(
    request: CheckedRequest, out: Path, data_root: str, command: Sequence[str], runner: Runner
) -> list[ResultsRow]:
    """Run `adapt` and copy the results and the report to `out`; arguments and errors as in `finished_run`."""
    with finished_run(request, out, data_root, command, runner) as (finished, tracked):
        write_parts(finished, out)
        return copy_results(finished, (RESULTS, PROBES, CHECKS, REPORT), out, tracked)


def run_table1(
    request: CheckedRequest, out: Path, data_root: str, command: Sequence[str], runner: Runner
) -> list[ResultsRow]:
    """Run `table1` and copy the results to `out`, and the report of each source and seed to `reports` in it.

    Arguments and errors as in `finished_run`.
    """
    with finished_run(request, out, data_root, command, runner) as (finished, tracked):
        keep_reports(finished.inputs_of("summarise"), out / REPORTS)
        return copy_results(finished, (RESULTS, PROBES, *TABLES), out, tracked)


@contextmanager
def finished_run(
    request: CheckedRequest, out: Path, data_root: str, command: Sequence[str], runner: Runner
) -> Iterator[tuple["Finished", PipelineRun]]:
    """Run a pipeline with everything that it makes in `out`, and keep it tracked and `out` locked within the block.

    Args:
        command: Arguments of the command line, for command.txt.
        runner: What each stage runs as.

    Raises:
        UserError: A stage refused its input, another run is working in `out`, or an engine or an image is missing.
        StageFailed: A stage failed for any other reason.
    """
    with FolderLock(out) as lock:
        (out / "settings.yaml").write_text(request.settings.as_yaml())
        write_data_root(data_root, out)
        (out / "command.txt").write_text(command_line(command) + "\n")
        title, settings = title_of(request.pipeline, request.tags), request.settings.as_values()
        with pipeline_run(title, tags=request.tags, parameters=settings, unsent=out / "unsent") as tracked:
            from simpgan.pipelines.runner.local import run_pipeline

            # Trainings use every core, so that two at a time would each take twice as long.
            pipeline = request.build(parallelism=1)
            work = way_of_running(runner, lock, [data_root], request.reads)
            yield run_pipeline(pipeline, {**request.arguments, "data_root": data_root}, out, work), tracked


def way_of_running(
    runner: Runner,
    lock: FolderLock,
    writes: Sequence[str],
    reads: Sequence[str],
    environment: Mapping[str, str] = os.environ,
) -> "Processes | Containers":
    """Return what runs the stages of a run in the locked folder.

    Args:
        writes, reads: Locations outside that folder that stages write to, and that they only read.
        environment: Environment variables of the stages.

    Raises:
        UserError: The Docker engine cannot be reached.
    """
    if runner == Runner.DOCKER:
        from simpgan.pipelines.runner.stage_container import Containers

        return Containers(lock, writes, reads, environment)
    from simpgan.pipelines.runner.stage_process import Processes

    return Processes(lock, environment)


def title_of(name: str, tags: Mapping[str, str]) -> str:
    """Return the run's name in a list: `simpgan, small, market1501 to grid`.

    What differs most between runs comes first, and more than two methods are counted, since a list shows about forty
    letters. All names but those of `adapt` begin with the pipeline's `name`.
    """
    methods = tags["method"].split(",")
    what = " and ".join(methods) if len(methods) < 3 else f"{len(methods)} methods"
    pipeline = "" if name == "adapt" else name
    return ", ".join(filter(None, [pipeline, what, tags["preset"], f"{tags['source']} to {tags['target']}"]))


def copy_results(finished: "Finished", names: Sequence[str], out: Path, tracked: PipelineRun) -> list[ResultsRow]:
    """Copy a pipeline's output to `out`, record it, and return the rows of results."""
    for name in names:
        replace(finished.output / name, out / name)
        tracked.log_artifact(out / name)
    rows = read_results(str(out / RESULTS))
    checks = read_checks(out / CHECKS).figures() if CHECKS in names else {}
    tracked.log_metrics(final_figures(rows) | checks)
    tracked.log_curves(final_curves(rows, read_probes_beside(out / RESULTS)))
    return rows


def keep_reports(folders: Sequence[Path], out: Path) -> None:
    """Copy the report of each evaluation among `folders` to `out`, named by source and seed."""
    out.mkdir(exist_ok=True)
    for folder in folders:
        if (folder / REPORT).exists():
            row = read_results(folder / RESULTS)[0]
            source = re.sub(r"[^\w.-]+", "-", row.source)
            replace(folder / REPORT, out / f"{source}-seed-{row.seed}.html")


def replace(file: Path, copy: Path) -> None:
    """Copy a file so that `copy` is never incomplete."""
    with storage.beside(copy) as partial:
        shutil.copyfile(file, partial)
