"""Run a pipeline on this machine, from what the user asked for to the files of results."""

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.results.probes import read_probes_beside
from simpgan.components.core.results.rows import ResultsRow, read_results
from simpgan.components.core.results.summary import final_curves, final_figures
from simpgan.components.core.results.unlabelled_checks import FILE as CHECKS
from simpgan.components.core.results.unlabelled_checks import read_checks
from simpgan.components.core.tracking import PipelineRun, pipeline_run
from simpgan.components.summarise.pages import PAGES
from simpgan.pipelines.config.defaults import Runner
from simpgan.pipelines.config.presets import RunSettings
from simpgan.pipelines.requests.data_sets import DataSet, refuse_same_data
from simpgan.pipelines.requests.sweep import Plan
from simpgan.pipelines.runner.command_text import command_line
from simpgan.pipelines.runner.folder_lock import FolderLock
from simpgan.pipelines.runner.relocation import note_data_root
from simpgan.pipelines.runner.run_outputs import write_parts

if TYPE_CHECKING:
    from simpgan.pipelines.runner.local import Finished
    from simpgan.pipelines.runner.stage_container import Containers
    from simpgan.pipelines.runner.stage_process import Processes

RESULTS, PROBES, REPORT, REPORTS = "results.json", "probes.parquet", "report.html", "reports"
A_SEED = ("pretrain", "train_gan", "translate", "umdl", "evaluate")
"""Stages that run for every seed."""


def run_adapt(
    source: DataSet,
    target: DataSet,
    settings: RunSettings,
    planned: Plan,
    out: Path,
    data_root: str,
    command: Sequence[str] = (),
    runner: Runner = Runner.SUBPROCESS,
) -> list[ResultsRow]:
    """Run the pipeline `adapt` with all it makes in `out`, and copy the results and the report to `out`.

    Args:
        command: the arguments that were given, for command.txt.
        runner: what each stage runs as.

    Raises:
        UserError: a stage refused what it was given, another run is working in `out`, or there is no engine or image.
        StageFailed: a stage failed for any other reason.
    """
    settings = with_content_of_weights(settings)
    tags = tags_of([source], target, settings, planned)
    with recorded_run("adapt", settings, tags, out, data_root, command) as (tracked, lock):
        from simpgan.pipelines.graphs.adapt import adapt_pipeline
        from simpgan.pipelines.runner.local import run_pipeline

        # Trainings use every core, so that two at a time would each take twice as long.
        pipeline = adapt_pipeline(planned.methods, parallelism=1)
        arguments = adapt_arguments(source, target, settings, planned, data_root)
        work = way_of_running(runner, lock, [data_root], [source.location, target.location, settings.pretrain.weights])
        finished = run_pipeline(pipeline, arguments, out, work)
        write_parts(finished, out)
        return keep(finished, (RESULTS, PROBES, CHECKS, REPORT), out, tracked)


def run_table1(
    sources: Sequence[DataSet],
    target: DataSet,
    settings: Sequence[RunSettings],
    planned: Plan,
    out: Path,
    data_root: str,
    command: Sequence[str] = (),
    runner: Runner = Runner.SUBPROCESS,
) -> list[ResultsRow]:
    """Run the pipeline `table1`, as `run_adapt` does; `settings` has one entry a seed.

    The report of each source and seed is in the folder `reports`.
    """
    settings = [with_content_of_weights(each) for each in settings]
    tags = tags_of(sources, target, settings[0], planned)
    with recorded_run("table1", settings[0], tags, out, data_root, command) as (tracked, lock):
        from simpgan.pipelines.graphs.table1 import table1_pipeline
        from simpgan.pipelines.runner.local import run_pipeline

        pipeline = table1_pipeline(planned.methods, parallelism=1)
        arguments = table1_arguments(sources, target, settings, planned, data_root)
        locations = [each.location for each in (*sources, target)]
        work = way_of_running(runner, lock, [data_root], [*locations, *(each.pretrain.weights for each in settings)])
        finished = run_pipeline(pipeline, arguments, out, work)
        keep_reports(finished.inputs_of("summarise"), out / REPORTS)
        return keep(finished, (RESULTS, PROBES, *PAGES), out, tracked)


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
        UserError: the Docker engine cannot be reached.
    """
    if runner == Runner.DOCKER:
        from simpgan.pipelines.runner.stage_container import Containers

        return Containers(lock, writes, reads, environment)
    from simpgan.pipelines.runner.stage_process import Processes

    return Processes(lock, environment)


@contextmanager
def recorded_run(
    name: str, settings: RunSettings, tags: Mapping[str, str], out: Path, data_root: str, command: Sequence[str]
) -> Iterator[tuple[PipelineRun, FolderLock]]:
    """Within the block `out` belongs to this run, says what was asked for, and the pipeline is tracked."""
    with FolderLock(out) as lock:
        (out / "settings.yaml").write_text(settings.as_yaml())
        note_data_root(data_root, out)
        (out / "command.txt").write_text(command_line(command) + "\n")
        with pipeline_run(
            title_of(name, tags), tags=tags, parameters=settings.as_values(), unsent=out / "unsent"
        ) as tracked:
            yield tracked, lock


def title_of(name: str, tags: Mapping[str, str]) -> str:
    """The run's name in a list, what differs most between runs first: `simpgan, small, market1501 to grid`.

    More than two methods are counted, since a list shows about forty letters. All but `adapt` begin with the pipeline's
    `name`.
    """
    methods = tags["method"].split(",")
    what = " and ".join(methods) if len(methods) < 3 else f"{len(methods)} methods"
    pipeline = "" if name == "adapt" else name
    return ", ".join(filter(None, [pipeline, what, tags["preset"], f"{tags['source']} to {tags['target']}"]))


def tags_of(sources: Sequence[DataSet], target: DataSet, settings: RunSettings, planned: Plan) -> dict[str, str]:
    """What people search runs by."""
    return {
        "source": ",".join(source.name for source in sources),
        "target": target.name,
        "method": ",".join(planned.methods) or "direct",
        "preset": settings.evaluate.preset,
    }


def keep(finished: "Finished", names: Sequence[str], out: Path, tracked: PipelineRun) -> list[ResultsRow]:
    """Copy a pipeline's output to `out` and record it. Returns the rows of results."""
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
    """Copy a file so that `copy` is never half of one."""
    with storage.beside(copy) as partial:
        shutil.copyfile(file, partial)


def adapt_arguments(
    source: DataSet, target: DataSet, settings: RunSettings, planned: Plan, data_root: str
) -> dict[str, Any]:
    """The arguments of the pipeline `adapt`. Settings travel as text, which KFP leaves as it is."""
    return {
        **source.as_arguments("source"),
        **target.as_arguments("target"),
        "data_root": data_root,
        **planned.as_arguments(),
        **settings_as_text(settings, ("ingest", *A_SEED)),
    }


def table1_arguments(
    sources: Sequence[DataSet], target: DataSet, settings: Sequence[RunSettings], planned: Plan, data_root: str
) -> dict[str, Any]:
    """The arguments of the pipeline `table1`."""
    return {
        "sources": [source.as_arguments("source") for source in sources],
        **target.as_arguments("target"),
        "data_root": data_root,
        "seeds": [settings_as_text(each, A_SEED) for each in settings],
        **planned.as_arguments(),
        **settings_as_text(settings[0], ("ingest", "summarise")),
    }


def settings_as_text(settings: RunSettings, stages: Sequence[str]) -> dict[str, str]:
    """The settings of some stages as JSON, named like the arguments of a pipeline."""
    values = settings.as_values()
    return {f"{stage}_settings": json.dumps(values[stage]) for stage in stages}


def refuse_shared_people(sources: Sequence[DataSet], target: DataSet, settings: RunSettings) -> None:
    """Raise UserError if a source is the target, unless the settings of both stages that look allow it."""
    if not (settings.train_gan.allow_shared_people and settings.evaluate.allow_shared_people):
        refuse_same_data(sources, target)


def with_content_of_weights(settings: RunSettings) -> RunSettings:
    """The settings, and in them what the weights file holds: the cache knows a training by its settings.

    Raises:
        UserError: there is no such file, which would else end an hour of work.
    """
    weights = settings.pretrain.weights
    if weights in ("imagenet", "none"):
        return settings
    if not storage.exists(weights):
        raise UserError(f"pretrain.weights: no such file '{weights}': give a .safetensors file, imagenet or none")
    sha256 = settings.pretrain.weights_sha256 or storage.digest(weights)
    return dataclasses.replace(settings, pretrain=settings.pretrain.model_copy(update={"weights_sha256": sha256}))
