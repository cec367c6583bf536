"""The commands that run a whole pipeline: run, compile, demo, demo-data."""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import a_place
from simpgan.pipelines.cli.options import (
    DataRootOption,
    MethodOption,
    ModelOption,
    OutOption,
    PartImagesOption,
    PresetOption,
    ProfileOption,
    ProtocolOption,
    RegistryOption,
    RetrainMethodOption,
    RunnerOption,
    SeedOption,
    SeedsOption,
    SetOption,
    SharedPeopleOption,
    SourceNameOption,
    SourceNamesOption,
    SweepOption,
    Table1MethodOption,
    TargetDataOption,
    TargetNameOption,
    ThresholdOption,
)
from simpgan.pipelines.config.defaults import (
    MODEL,
    PART_IMAGES,
    RETRAIN_METHOD,
    SHARED_PEOPLE,
    TABLE1_METHODS,
    THRESHOLD,
    Runner,
    split,
)

if TYPE_CHECKING:
    from simpgan.components.core.results.rows import ResultsRow
    from simpgan.pipelines.requests.data_sets import DataSet


class Pipeline(StrEnum):
    """The pipelines that can be compiled."""

    ADAPT = "adapt"
    TABLE1 = "table1"
    RETRAIN = "retrain"


def run_adapt(
    source: Annotated[str, typer.Option(metavar="LAYOUT:PATH", help="Labelled data set.")],
    target: TargetDataOption,
    out: OutOption,
    source_name: SourceNameOption = "",
    target_name: TargetNameOption = "",
    method: MethodOption = "",
    protocol: ProtocolOption = "",
    sweep: SweepOption = None,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
    data_root: DataRootOption = None,
    allow_shared_people: SharedPeopleOption = False,
    runner: RunnerOption = Runner.SUBPROCESS,
) -> None:
    """Adapt from one source to one target.

    Labels of the target are used for evaluation only. Stages that are finished already come from the cache in --out.
    """
    from simpgan.pipelines.reports.selection import choices
    from simpgan.pipelines.requests.data_sets import DataSet

    rows = adapt(
        DataSet.parse(source, "--source", source_name),
        DataSet.parse(target, "--target", target_name),
        out,
        methods=split(method),
        protocols=split(protocol),
        sweep=sweep or [],
        preset=preset,
        assignments=[*(assignments or []), *(SHARED_PEOPLE if allow_shared_people else ())],
        seed=seed,
        data_root=data_root,
        runner=runner,
    )
    show(rows, out, f"The report: {out / 'report.html'}\nEvery run:  simpgan ui --out {out}")
    if sweep:
        typer.echo("\n".join(["", *choices(rows)]))


def run_table1(
    source: Annotated[list[str], typer.Option(metavar="LAYOUT:PATH", help="Labelled data set; repeatable.")],
    target: TargetDataOption,
    out: OutOption,
    source_name: SourceNamesOption = None,
    target_name: TargetNameOption = "",
    method: Table1MethodOption = TABLE1_METHODS,
    protocol: ProtocolOption = "",
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedsOption = None,
    data_root: DataRootOption = None,
    allow_shared_people: SharedPeopleOption = False,
    runner: RunnerOption = Runner.SUBPROCESS,
) -> None:
    """Run every method for several sources and seeds, and compare with the paper's Table 1.

    Without --protocol, all protocols and folds of the target are run.
    """
    from simpgan.pipelines.config.presets import resolve
    from simpgan.pipelines.requests.data_sets import DataSet, names_of_sources, refuse_same_names
    from simpgan.pipelines.requests.early_checks import foresee
    from simpgan.pipelines.requests.sweep import every_split, plan
    from simpgan.pipelines.runner import runs

    names = names_of_sources(source_name or [], source)
    sources = [DataSet.parse(text, "--source", name) for text, name in zip(source, names, strict=True)]
    refuse_same_names(sources)
    target_set = DataSet.parse(target, "--target", target_name)
    changed = [*(assignments or []), *(SHARED_PEOPLE if allow_shared_people else ())]
    seeds: Sequence[int | None] = list(dict.fromkeys(seed or [])) or [None]
    settings = [resolve(preset, changed, each, sources[0].layout) for each in seeds]
    runs.refuse_shared_people(sources, target_set, settings[0])
    planned = plan(settings[0].train_gan, split(method), split(protocol) or every_split(target_set), target_set)
    planned, left_out = foresee(sources, target_set, settings[0], planned, needs_rows=True)
    for sentence in left_out:
        typer.echo(sentence, err=True)
    out = prepared(out)
    place = place_of_run(data_root, out)
    rows = runs.run_table1(sources, target_set, settings, planned, out, place, sys.argv[1:], runner)
    places = f"The table:   {out / 'results.html'}\nThe reports: {out / 'reports'}\nEvery run:   simpgan ui --out {out}"
    show(rows, out, places)


def run_retrain(
    location: Annotated[
        str, typer.Argument(callback=a_place, help="Folder or s3:// prefix with one folder of images per camera.")
    ],
    out: OutOption,
    model: ModelOption = MODEL,
    method: RetrainMethodOption = RETRAIN_METHOD,
    threshold: ThresholdOption = THRESHOLD,
    part_images: PartImagesOption = PART_IMAGES,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
    data_root: DataRootOption = None,
    runner: RunnerOption = Runner.SUBPROCESS,
) -> None:
    """Continue training from the champion once enough new images have arrived.

    The result is proposed as candidate; simpgan promote makes it the champion.
    """
    from simpgan.pipelines.config.presets import resolve
    from simpgan.pipelines.requests import retrain

    asked = retrain.Retraining(retrain.check_location(location), model, method, threshold, part_images)
    settings = resolve(preset, assignments or [], seed, "cameras")
    out = prepared(out)
    place = place_of_run(data_root, out)
    retrained = retrain.run_retrain(asked, settings, out, place, sys.argv[1:], runner)
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
            typer.echo(f"Make it the champion:  simpgan promote --model {model} --out {out}")
    typer.echo(f"Every run:             simpgan ui --out {out}")


def compile_pipeline(
    pipeline: Annotated[Pipeline, typer.Argument(help="Pipeline to compile: adapt, table1 or retrain.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write; by default PIPELINE.yaml.")] = None,
    method: MethodOption = "",
    profile: ProfileOption = None,
    registry: RegistryOption = "",
) -> None:
    """Compile a pipeline to YAML for Kubeflow Pipelines.

    By default, adapt is compiled for simpgan, and table1 for the methods that it runs by default; retrain takes one
    method. With --profile, the pods are set up for a cluster; without it, the pipeline also runs on this machine.
    """
    from kfp.compiler import Compiler

    from simpgan.pipelines.config.profiles import read_profile
    from simpgan.pipelines.requests.retrain import refuse_other_method
    from simpgan.pipelines.requests.sweep import refuse_unknown

    out = out or Path(f"{pipeline}.yaml")
    if out.suffix not in (".yaml", ".yml"):
        raise UserError(f"--out {out}: the file is YAML: end its name with .yaml")
    methods = split(method)
    if pipeline == Pipeline.RETRAIN:
        refuse_other_method(method or RETRAIN_METHOD)
    else:
        refuse_unknown(methods)
    if registry and not profile:
        raise UserError("--registry says where a cluster finds the images: give a --profile too")
    pods = read_profile(profile) if profile else None
    if pipeline == Pipeline.ADAPT:
        from simpgan.pipelines.graphs.adapt import adapt_pipeline

        graph = adapt_pipeline(methods or ["simpgan"])
    elif pipeline == Pipeline.RETRAIN:
        from simpgan.pipelines.graphs.retrain import retrain_pipeline

        graph = retrain_pipeline(method or RETRAIN_METHOD)
    else:
        from simpgan.pipelines.graphs.table1 import table1_pipeline

        graph = table1_pipeline(methods or split(TABLE1_METHODS))
    out.parent.mkdir(parents=True, exist_ok=True)
    if pods:
        from simpgan.components.core.images import Images
        from simpgan.pipelines.cluster.compilation import compile_for_cluster

        for note in compile_for_cluster(graph, pods, Images.locked(registry), str(out)):
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
    from simpgan.pipelines.requests.data_sets import DataSet

    folder = out / f"cameras-{seed}"
    if not (folder / TARGET_FOLDER).exists():
        generate(folder, seed)
    source = DataSet.parse(f"market1501:{folder / SOURCE_FOLDER}", "--out", "generated-outdoor")
    target = DataSet.parse(f"grid:{folder / TARGET_FOLDER}", "--out", "generated-underground")
    rows = adapt(source, target, out, methods=["gan", "cyclegan", "simpgan"], preset="demo", seed=seed)
    show(rows, out, f"The report: {out / 'report.html'}\nEvery run:  simpgan ui --out {out}")
    typer.echo("Labels of the new cameras were used only to count this.")


def adapt(
    source: "DataSet",
    target: "DataSet",
    out: Path,
    *,
    methods: Sequence[str],
    protocols: Sequence[str] = (),
    sweep: Sequence[str] = (),
    preset: str | None,
    assignments: Sequence[str] = (),
    seed: int | None,
    data_root: str | None = None,
    runner: Runner = Runner.SUBPROCESS,
) -> "list[ResultsRow]":
    """Check the whole request, run the pipeline `adapt`, and return the rows of results."""
    from simpgan.pipelines.config.presets import resolve
    from simpgan.pipelines.requests.early_checks import foresee
    from simpgan.pipelines.requests.sweep import plan
    from simpgan.pipelines.runner import runs

    settings = resolve(preset, assignments, seed, source.layout)
    runs.refuse_shared_people([source], target, settings)
    planned = plan(settings.train_gan, methods, protocols, target, sweep)
    planned, left_out = foresee([source], target, settings, planned)
    for sentence in left_out:
        typer.echo(sentence, err=True)
    out = prepared(out)
    place = place_of_run(data_root, out)
    return runs.run_adapt(source, target, settings, planned, out, place, sys.argv[1:], runner)


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
