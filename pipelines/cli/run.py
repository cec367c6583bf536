"""The commands that run a whole pipeline: run, compile, demo, demo-data."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.commands import with_options_of
from simpgan.pipelines.cli.options import (
    CombineOption,
    DataRootOption,
    MethodOption,
    OutOption,
    ProfileOption,
    RegistryOption,
    RunnerOption,
)
from simpgan.pipelines.cli.requests import adapt_request, retrain_request, table1_request
from simpgan.pipelines.config.defaults import Runner

if TYPE_CHECKING:
    from simpgan.components.core.results.rows import ResultsRow
    from simpgan.pipelines.requests.adapt import AdaptRequest
    from simpgan.pipelines.requests.request import CheckedRequest, PipelineRequest
    from simpgan.pipelines.requests.retrain import RetrainRequest
    from simpgan.pipelines.requests.table1 import Table1Request


class Pipeline(StrEnum):
    """The pipelines that can be compiled."""

    ADAPT = "adapt"
    TABLE1 = "table1"
    RETRAIN = "retrain"


@with_options_of(adapt_request)
def run_adapt(
    request: "AdaptRequest",
    out: OutOption,
    data_root: DataRootOption = None,
    runner: RunnerOption = Runner.SUBPROCESS,
) -> None:
    """Adapt from one source to one target.

    Several --source are used together, by default with --combine data. Labels of the target are used for evaluation
    only. Stages that are finished already come from the cache in --out.
    """
    from simpgan.pipelines.reports.selection import choices

    rows = adapt(request, out, data_root, runner)
    if request.sweep:
        typer.echo("\n".join(["", *choices(rows)]))


@with_options_of(table1_request)
def run_table1(
    request: "Table1Request",
    out: OutOption,
    data_root: DataRootOption = None,
    runner: RunnerOption = Runner.SUBPROCESS,
) -> None:
    """Run every method for several sources and seeds, and compare with the paper's Table 1.

    The sources are used one by one, or with --combine together. Without --protocol, all protocols and folds of the
    target are run.
    """
    from simpgan.pipelines.runner import runs

    checked = check(request)
    out = prepared(out)
    rows = runs.run_table1(checked, out, place_of_run(data_root, out), sys.argv[1:], runner)
    places = f"The table:   {out / 'results.html'}\nThe reports: {out / 'reports'}\nEvery run:   simpgan ui --out {out}"
    show(rows, out, places)


@with_options_of(retrain_request)
def run_retrain(
    request: "RetrainRequest",
    out: OutOption,
    data_root: DataRootOption = None,
    runner: RunnerOption = Runner.SUBPROCESS,
) -> None:
    """Continue training from the champion once enough new images have arrived.

    The result is proposed as candidate; simpgan promote makes it the champion.
    """
    from simpgan.pipelines.runner import retrain

    checked = check(request)
    out = prepared(out)
    retrained = retrain.run_retrain(checked, out, place_of_run(data_root, out), sys.argv[1:], runner)
    version = retrained.version
    if retrained.drift:
        changed = [f"{each}." for each in retrained.cameras() if each.status != "same"]
        typer.echo("\n".join(["", *(changed or ["Every camera looks as before."])]))
        typer.echo(f"The page of drift:     {retrained.drift / 'drift.html'}")
    if version is None:
        typer.echo("\nNothing to do: there are not enough new images.")
    else:
        typer.echo(f"\n{version} {version.tags['simpgan.verdict']}: {version.tags['simpgan.verdict.reason']}")
        if version.tags["simpgan.verdict"] == "passed":
            typer.echo(f"Make it the champion:  simpgan promote --model {request.model} --out {out}")
    typer.echo(f"Every run:             simpgan ui --out {out}")


def compile_pipeline(
    pipeline: Annotated[Pipeline, typer.Argument(help="Pipeline to compile: adapt, table1 or retrain.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write; by default PIPELINE.yaml.")] = None,
    method: MethodOption = "",
    combine: CombineOption = None,
    profile: ProfileOption = None,
    registry: RegistryOption = "",
) -> None:
    """Compile a pipeline to YAML for Kubeflow Pipelines.

    By default, adapt is compiled for simpgan, and table1 for the methods that it runs by default; retrain takes one
    method. With --combine, adapt and table1 take several sources as one. With --profile, the pods are set up for a
    cluster; without it, the pipeline also runs on this machine.
    """
    from kfp.compiler import Compiler

    from simpgan.pipelines.config.profiles import read_profile
    from simpgan.pipelines.requests.pipelines import PIPELINES

    out = out or Path(f"{pipeline}.yaml")
    if out.suffix not in (".yaml", ".yml"):
        raise UserError(f"--out {out}: the file is YAML: end its name with .yaml")
    graph = PIPELINES[pipeline].graph_for(method, combine)
    if registry and not profile:
        raise UserError("--registry says where a cluster finds the images: give a --profile too")
    pods = read_profile(profile) if profile else None
    out.parent.mkdir(parents=True, exist_ok=True)
    if pods:
        from simpgan.components.core.images import StageImages
        from simpgan.pipelines.cluster.compilation import compile_for_cluster

        for note in compile_for_cluster(graph, pods, StageImages.locked(registry), str(out)):
            typer.echo(note, err=True)
    else:
        Compiler().compile(graph, str(out))
    typer.echo(f"{out} written")


def demo_data(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the two data sets.")],
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of people and cameras.")] = 0,
) -> None:
    """Generate two small camera networks to try the software on."""
    from simpgan.pipelines.demo_data import generate

    source, target = generate(out, seed)
    typer.echo(f"--source market1501:{source} --target grid:{target}")


def demo(
    out: OutOption = Path("demo"),
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the data and of every training.")] = 0,
) -> None:
    """Generate two camera networks and adapt from one to the other (minutes, no GPU)."""
    from simpgan.pipelines.demo_data import SOURCE_FOLDER, TARGET_FOLDER, generate
    from simpgan.pipelines.requests.adapt import AdaptRequest

    folder = out / f"cameras-{seed}"
    if not (folder / TARGET_FOLDER).exists():
        generate(folder, seed)
    options = {
        "source": f"market1501:{folder / SOURCE_FOLDER}",
        "source_name": "generated-outdoor",
        "target": f"grid:{folder / TARGET_FOLDER}",
        "target_name": "generated-underground",
        "method": "gan,cyclegan,simpgan",
        "preset": "demo",
        "seed": seed,
    }
    adapt(AdaptRequest.parse(options), out)
    typer.echo("Labels of the new cameras were used only to count this.")


def adapt(
    request: "AdaptRequest", out: Path, data_root: str | None = None, runner: Runner = Runner.SUBPROCESS
) -> "list[ResultsRow]":
    """Check the whole request, run `adapt`, print the results, and return their rows."""
    from simpgan.pipelines.runner import runs

    checked = check(request)
    folder = prepared(out)
    rows = runs.run_adapt(checked, folder, place_of_run(data_root, folder), sys.argv[1:], runner)
    show(rows, out, f"The report: {out / 'report.html'}\nEvery run:  simpgan ui --out {out}")
    return rows


def check(request: "PipelineRequest") -> "CheckedRequest":
    """Check the whole request, and print what is left out."""
    from simpgan.pipelines.requests.places import Places

    checked = request.check(Places())
    for note in checked.notes:
        typer.echo(note, err=True)
    return checked


def prepared(out: Path) -> Path:
    """Create the folder of a run and return its full path. It holds the MLflow store unless the environment names one.

    Raises:
        UserError: MLflow cannot keep a store in a folder of that name.
    """
    out = out.resolve()
    name_store(out)
    out.mkdir(parents=True, exist_ok=True)
    return out


def name_store(out: Path) -> None:
    """Set MLFLOW_TRACKING_URI to the store in a run's folder, unless it is set already."""
    from simpgan.components.core.tracking.store_address import store_address

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        os.environ["MLFLOW_TRACKING_URI"] = store_address(out / "mlflow.db")


def place_of_data(data_root: str) -> str:
    """Return the data root; a folder as its full path."""
    return data_root if storage.is_s3(data_root) else str(Path(data_root).expanduser().resolve())


def place_of_run(data_root: str | None, out: Path) -> str:
    """Return the data root: the one given, else that of the last run in `out`, else `data` in `out`."""
    from simpgan.pipelines.runner.relocation import data_root_of

    return place_of_data(data_root or data_root_of(out) or str(out / "data"))


def show(rows: "list[ResultsRow]", out: Path, further: str) -> None:
    """Print the results in `out`, or label-free checks if there are none; then `further`, then the conclusions."""
    from simpgan.components.core.results.headlines import headlines
    from simpgan.components.core.results.probes import read_probes_beside
    from simpgan.components.core.results.summary import table
    from simpgan.components.core.results.unlabelled_checks import FILE, read_checks

    if not rows:
        checks = read_checks(out / FILE).table()
        known = "No probe of the target has a known match, so accuracy cannot be measured. Without labels, of a sample:"
        typer.echo(f"\n{known}\n\n{checks}\n\nWhat each number can and cannot know is in the report.\n\n{further}")
        return
    found = headlines(rows, read_probes_beside(out / "results.json"))
    said = "\n".join(f"{sentence}." for each in found for sentence in each.sentences)
    typer.echo(f"\n{table(rows)}\n\n{further}\n\n{said}")
