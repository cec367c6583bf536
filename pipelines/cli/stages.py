"""The commands that run a single stage on local paths, as its component does in a pipeline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.locations import a_place, all_existing, existing
from simpgan.pipelines.cli.options import (
    OutOption,
    PartImagesOption,
    PresetOption,
    RecordedDataRootOption,
    SeedOption,
    SharedDataRootOption,
    StageSetOption,
    ThresholdOption,
)
from simpgan.pipelines.cli.run import place_of_data
from simpgan.pipelines.config.defaults import PART_IMAGES, THRESHOLD

if TYPE_CHECKING:
    from simpgan.components.core.settings import Settings

SourceOption = Annotated[Path, typer.Option(metavar="MANIFEST", help="Manifest of the source.")]
TargetOption = Annotated[Path, typer.Option(metavar="MANIFEST", help="Manifest of the target.")]
ClassifierOption = Annotated[Path, typer.Option(metavar="FOLDER", help="Classifier from pretrain.")]
StageSettings = TypeVar("StageSettings", bound="Settings")


def ingest(
    data: Annotated[str, typer.Argument(metavar="LAYOUT:PATH", help="Data set to read.")],
    out: OutOption,
    data_root: SharedDataRootOption,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
) -> None:
    """Ingest a data set: images into shards, everything else into a manifest.

    The shards are written to --data-root, the manifest to --out.
    """
    from simpgan.components.ingest import stage
    from simpgan.components.ingest.settings import IngestSettings
    from simpgan.pipelines.requests.data_sets import DataSet

    chosen = DataSet.parse(data, "DATA")
    settings = read(IngestSettings, "ingest", preset, [*(assignments or []), f"layout={chosen.layout}"], None)
    place = place_of_data(data_root)
    named = {"layout": settings.layout, "name": settings.name or "", "location": chosen.location, "fingerprint": ""}
    note("ingest", settings, {}, place, **named)
    stage.run(chosen.location, settings, place, out)


def watch(
    location: Annotated[
        str, typer.Argument(callback=a_place, help="Folder or s3:// prefix with one folder of images per camera.")
    ],
    known: Annotated[Path, typer.Option(metavar="MANIFEST", help="Last manifest of the data set.")],
    out: OutOption,
    threshold: ThresholdOption = THRESHOLD,
    part_images: PartImagesOption = PART_IMAGES,
) -> None:
    """List files that are not yet in a data set, in parts for ingest-part."""
    from simpgan.components.watch import stage

    stage.run(place_of_data(location), existing(known, "--known"), threshold, part_images, out)


def ingest_part(
    part: Annotated[int, typer.Argument(min=0, help="Number of the part, from 0.")],
    listing: Annotated[Path, typer.Option(metavar="FOLDER", help="Listing from watch.")],
    out: OutOption,
    data_root: SharedDataRootOption,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
) -> None:
    """Ingest one part of a listing from watch."""
    from simpgan.components.ingest import part as stage
    from simpgan.components.ingest.settings import IngestSettings

    settings = read(IngestSettings, "ingest", preset, [*(assignments or []), "layout=cameras"], None)
    stage.run(existing(listing, "--listing"), part, settings, place_of_data(data_root), out)


def merge(
    parts: Annotated[list[Path], typer.Argument(help="Manifests from ingest-part.")],
    out: OutOption,
    former: Annotated[Path | None, typer.Option(metavar="MANIFEST", help="Manifest to extend.")] = None,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
) -> None:
    """Merge the manifests of parts, and the former manifest, into one."""
    from simpgan.components.ingest import merge as stage
    from simpgan.components.ingest.settings import IngestSettings

    settings = read(IngestSettings, "ingest", preset, [*(assignments or []), "layout=cameras"], None)
    before = existing(former, "--former") if former else None
    stage.run(all_existing(parts, "PARTS"), settings, out, before)


def join(
    sources: Annotated[list[Path], typer.Argument(help="Manifests of labelled data sets.")],
    out: OutOption,
    data_root: SharedDataRootOption,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name in results; by default theirs, with +.")] = "",
) -> None:
    """Join labelled data sets into one source.

    People and cameras are kept apart. An image that several of them have is used once.
    """
    from simpgan.components.core.process.task import Task, note_task
    from simpgan.components.ingest import join as stage

    place = place_of_data(data_root)
    folders = {"sources": all_existing(sources, "SOURCES")}
    note_task(Task.of_command("join", {"name": name, "data_root": place}, folders))
    stage.run(sources, name, place, out)


def pretrain(
    source: SourceOption,
    out: OutOption,
    data_root: SharedDataRootOption,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
    seed: SeedOption = None,
) -> None:
    """Train the Siamese classifier on the labelled source."""
    from simpgan.components.pretrain import stage
    from simpgan.components.pretrain.settings import PretrainSettings

    settings = read(PretrainSettings, "pretrain", preset, assignments, seed)
    place = place_of_data(data_root)
    note("pretrain", settings, {"source": existing(source, "--source")}, place)
    stage.run(source, settings, place, out)


def train_gan(
    source: SourceOption,
    target: TargetOption,
    classifier: ClassifierOption,
    out: OutOption,
    data_root: SharedDataRootOption,
    initial: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Translator to continue from.")] = None,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
    seed: SeedOption = None,
) -> None:
    """Train the translators between source and target.

    Method, protocol and fold are settings: --set method=simpgan --set protocol=folds10 --set fold=0.
    """
    from simpgan.components.train_gan import stage
    from simpgan.components.train_gan.settings import TrainGanSettings

    settings = read(TrainGanSettings, "train_gan", preset, assignments, seed)
    place = place_of_data(data_root)
    folders = {
        "source": existing(source, "--source"),
        "target": existing(target, "--target"),
        "classifier": existing(classifier, "--classifier"),
        **({"initial": existing(initial, "--initial")} if initial else {}),
    }
    named = {"method": settings.method, "protocol": settings.protocol, "fold": str(settings.fold), "changes": "{}"}
    note("train_gan", settings, folders, place, **named)
    stage.run(source, target, classifier, settings, place, out, initial)


def translate(
    translator: Annotated[Path, typer.Option(metavar="FOLDER", help="Translator from train-gan.")],
    out: OutOption,
    data_root: SharedDataRootOption,
    target: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Target, to translate into the source's style.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Source, to translate into the target's style.")
    ] = None,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
) -> None:
    """Translate the target's images into the source's style, or the other way round.

    The manifest of the translated images is written to --out.
    """
    from simpgan.components.translate import stage
    from simpgan.components.translate.settings import TranslateSettings

    if target and source is None:
        images, direction = existing(target, "--target"), "target-to-source"
    elif source and target is None:
        images, direction = existing(source, "--source"), "source-to-target"
    else:
        raise UserError("translate takes --target or --source: give the data set to translate")
    given = [*(assignments or []), f"direction={direction}"]
    settings = read(TranslateSettings, "translate", preset, given, None)
    place = place_of_data(data_root)
    folders = {"images": images, "translator": existing(translator, "--translator")}
    note("translate", settings, folders, place, direction=direction)
    stage.run(images, translator, settings, place, out)


def self_train(
    target: TargetOption,
    classifier: ClassifierOption,
    out: OutOption,
    data_root: SharedDataRootOption,
    source: Annotated[
        Path | None, typer.Option(metavar="MANIFEST", help="Labelled images to learn from too, as by translate.")
    ] = None,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
    seed: SeedOption = None,
) -> None:
    """Train the classifier on the target's unlabelled images.

    Protocol and fold are settings: --set protocol=folds10 --set fold=0.
    """
    from simpgan.components.self_train import stage
    from simpgan.components.self_train.settings import SelfTrainSettings

    settings = read(SelfTrainSettings, "self_train", preset, assignments, seed)
    place = place_of_data(data_root)
    folders = {
        "target": existing(target, "--target"),
        "initial": existing(classifier, "--classifier"),
        **({"source": existing(source, "--source")} if source else {}),
    }
    named = {"method": "", "protocol": settings.protocol, "fold": str(settings.fold)}
    note("self_train", settings, folders, place, **named)
    stage.run(classifier, target, settings, place, out, source)


def umdl(
    source: SourceOption,
    target: TargetOption,
    out: OutOption,
    data_root: SharedDataRootOption,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
    seed: SeedOption = None,
) -> None:
    """Learn UMDL's dictionaries, and compute the target's features.

    Protocol and fold are settings: --set protocol=folds10 --set fold=0.
    """
    from simpgan.components.umdl import stage
    from simpgan.components.umdl.settings import UmdlSettings

    settings = read(UmdlSettings, "umdl", preset, assignments, seed)
    place = place_of_data(data_root)
    folders = {"source": existing(source, "--source"), "target": existing(target, "--target")}
    note("umdl", settings, folders, place, protocol=settings.protocol, fold=str(settings.fold))
    stage.run(source, target, settings, place, out)


def evaluate(
    source: SourceOption,
    target: TargetOption,
    classifier: ClassifierOption,
    out: OutOption,
    data_root: SharedDataRootOption,
    translated: Annotated[
        list[Path] | None, typer.Option(metavar="MANIFEST", help="Manifest from translate; repeatable.")
    ] = None,
    translator: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="Translator of each --translated, in order.")
    ] = None,
    counterpart: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Classifier of the translated source; repeatable."),
    ] = None,
    features: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="Features from umdl; repeatable.")
    ] = None,
    companion: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="Classifier to join features with; repeatable.")
    ] = None,
    companion_source: Annotated[
        list[Path] | None, typer.Option(metavar="MANIFEST", help="Source of a --companion; repeatable.")
    ] = None,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
    seed: SeedOption = None,
) -> None:
    """Measure the accuracy of the classifier and every given method on the target."""
    from simpgan.components.core.results.rows import read_results
    from simpgan.components.evaluate import stage
    from simpgan.components.evaluate.settings import EvaluateSettings
    from simpgan.pipelines.cli.run import show

    settings = read(EvaluateSettings, "evaluate", preset, assignments, seed)
    place = place_of_data(data_root)
    folders = {
        "source": existing(source, "--source"),
        "target": existing(target, "--target"),
        "classifier": existing(classifier, "--classifier"),
    }
    made = {
        "translated": all_existing(translated, "--translated"),
        "translators": all_existing(translator, "--translator"),
        "counterparts": all_existing(counterpart, "--counterpart"),
        "features": all_existing(features, "--features"),
        "companions": all_existing(companion, "--companion"),
        "companion_sources": all_existing(companion_source, "--companion-source"),
    }
    note("evaluate", settings, {**folders, **made}, place)
    stage.run(source, target, classifier, settings, place, out, **made)
    show(read_results(str(out / "results.json")), out, f"The report: {out / 'report.html'}")


def summarise(
    results: Annotated[list[Path], typer.Argument(help="Results from evaluate or summarise.")],
    out: OutOption,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
) -> None:
    """Summarise several evaluations: means, deviations and confidence intervals.

    The table shows them beside the paper's figures.
    """
    from simpgan.components.core.results.rows import read_results
    from simpgan.components.core.results.summary import table
    from simpgan.components.summarise import stage
    from simpgan.components.summarise.settings import SummariseSettings

    settings = read(SummariseSettings, "summarise", preset, assignments, None)
    note("summarise", settings, {"results": all_existing(results, "RESULTS")})
    stage.run(results, settings, out)
    typer.echo(f"\n{table(read_results(out / 'results.json'))}\n\nThe table: {out / 'results.html'}")


def drift(
    reference: Annotated[Path, typer.Option(metavar="MANIFEST", help="Manifest that the model was trained on.")],
    new: Annotated[Path, typer.Option(metavar="MANIFEST", help="Manifest of the images since then.")],
    classifier: Annotated[Path, typer.Option(metavar="FOLDER", help="Classifier, or adaptation from the registry.")],
    out: OutOption,
    data_root: RecordedDataRootOption = None,
    preset: PresetOption = None,
    assignments: StageSetOption = None,
    seed: SeedOption = None,
) -> None:
    """Report which cameras have changed since the model was trained.

    No labels are needed.
    """
    from simpgan.components.drift import stage
    from simpgan.components.drift.settings import DriftSettings
    from simpgan.pipelines.runner.relocation import find_data_root

    settings = read(DriftSettings, "drift", preset, assignments, seed)
    manifests = existing(reference, "--reference"), existing(new, "--new")
    root = find_data_root(data_root and place_of_data(data_root), *manifests)
    with root.explained(*manifests):
        cameras = stage.run(*manifests, existing(classifier, "--classifier"), settings, root.place, out)
    typer.echo("\n".join(["", *(f"{each}." for each in cameras), "", f"The page: {out / 'drift.html'}"]))


def read(
    settings: type[StageSettings], stage: str, preset: str | None, assignments: list[str] | None, seed: int | None
) -> StageSettings:
    """Return the settings of one stage. In its own command, `--set` needs no `stage.` in front."""
    from simpgan.pipelines.config.presets import parse_assignment, stage_values

    parsed = [parse_assignment(assignment, stage) for assignment in assignments or []]
    for other, setting, _ in parsed:
        if other != stage:
            raise UserError(f"--set {other}.{setting}: this command runs only {stage}: leave it out")
    return settings.parse(stage_values(preset, parsed, seed)[stage], stage=stage)


def note(
    stage: str,
    settings: "Settings",
    folders: Mapping[str, Path | Sequence[Path]],
    data_root: str = "",
    **named: str,
) -> None:
    """Record the task of this process as Kubeflow would: the component, its parameters and input folders by name."""
    from simpgan.components.core.process.task import Task, note_task

    place = {"data_root": data_root} if data_root else {}
    parameters = {**named, **place, "settings": settings.model_dump_json()}
    note_task(Task.of_command(stage, parameters, folders))
