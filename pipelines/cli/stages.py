"""The commands for single stages, each on local paths: what a component does, without a pipeline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.task import Task, note_task
from simpgan.components.core.settings import Settings
from simpgan.pipelines.cli.locations import a_place
from simpgan.pipelines.cli.options import (
    OutOption,
    PartImagesOption,
    PresetOption,
    RecordedDataRootOption,
    SeedOption,
    SetOption,
    SharedDataRootOption,
    ThresholdOption,
)
from simpgan.pipelines.cli.run import place_of_data
from simpgan.pipelines.config.defaults import PART_IMAGES, THRESHOLD

SourceOption = Annotated[Path, typer.Option(help="Manifest of the labelled data set.")]
TargetOption = Annotated[Path, typer.Option(help="Manifest of the data set to adapt to.")]
ClassifierOption = Annotated[Path, typer.Option(help="Classifier that pretrain made.")]
StageSettings = TypeVar("StageSettings", bound=Settings)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ingest")(ingest)
    app.command("watch")(watch)
    app.command("ingest-part")(ingest_part)
    app.command("merge")(merge)
    app.command("pretrain")(pretrain)
    app.command("train-gan")(train_gan)
    app.command("translate")(translate)
    app.command("umdl")(umdl)
    app.command("evaluate")(evaluate)
    app.command("summarise")(summarise)
    app.command("drift")(drift)


def ingest(
    data: Annotated[str, typer.Argument(help="market1501:PATH, cuhk01:, grid: or cameras:; folder, archive or s3://.")],
    out: OutOption,
    data_root: SharedDataRootOption,
    preset: PresetOption = None,
    assignments: SetOption = None,
) -> None:
    """Read a data set into shards under the data root, and a manifest in --out."""
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
        str, typer.Argument(callback=a_place, help="Folder or s3:// prefix of camera images, a folder a camera.")
    ],
    known: Annotated[Path, typer.Option(help="Last manifest of the data set.")],
    out: OutOption,
    threshold: ThresholdOption = THRESHOLD,
    part_images: PartImagesOption = PART_IMAGES,
) -> None:
    """List the files that a data set was not made from, in parts to be read."""
    from simpgan.components.watch import stage

    stage.run(place_of_data(location), existing(known, "--known"), threshold, part_images, out)


def ingest_part(
    part: Annotated[int, typer.Argument(min=0, help="Number of the part.")],
    listing: Annotated[Path, typer.Option(help="What watch listed.")],
    out: OutOption,
    data_root: SharedDataRootOption,
    preset: PresetOption = None,
    assignments: SetOption = None,
) -> None:
    """Read one part of a listing into shards under the data root, and a manifest in --out."""
    from simpgan.components.ingest import part as stage
    from simpgan.components.ingest.settings import IngestSettings

    settings = read(IngestSettings, "ingest", preset, [*(assignments or []), "layout=cameras"], None)
    stage.run(existing(listing, "--listing"), part, settings, place_of_data(data_root), out)


def merge(
    parts: Annotated[list[Path], typer.Argument(help="Manifests that ingest-part wrote.")],
    out: OutOption,
    former: Annotated[Path | None, typer.Option(help="The data set's manifest before.")] = None,
    preset: PresetOption = None,
    assignments: SetOption = None,
) -> None:
    """Join parts of a data set, and what it was before, into one manifest."""
    from simpgan.components.ingest import merge as stage
    from simpgan.components.ingest.settings import IngestSettings

    settings = read(IngestSettings, "ingest", preset, [*(assignments or []), "layout=cameras"], None)
    before = existing(former, "--former") if former else None
    stage.run(all_existing(parts, "PARTS"), settings, out, before)


def pretrain(
    source: SourceOption,
    out: OutOption,
    data_root: SharedDataRootOption,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
) -> None:
    """Train the siamese classifier on the labelled source."""
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
    initial: Annotated[Path | None, typer.Option(help="Translator whose weights training goes on from.")] = None,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
) -> None:
    """Train a translation of the target's images into the source's style; --set method=, protocol=, fold=."""
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
    translator: Annotated[Path, typer.Option(help="Translator that train-gan made.")],
    out: OutOption,
    data_root: SharedDataRootOption,
    target: Annotated[Path | None, typer.Option(help="Manifest of the target, to translate like the source.")] = None,
    source: Annotated[Path | None, typer.Option(help="Or of the source, to translate like the target.")] = None,
    preset: PresetOption = None,
    assignments: SetOption = None,
) -> None:
    """Translate the target's images, or the source's; the new manifest is --out."""
    from simpgan.components.translate import stage
    from simpgan.components.translate.settings import TranslateSettings

    if target and source is None:
        images, direction = existing(target, "--target"), "target-to-source"
    elif source and target is None:
        images, direction = existing(source, "--source"), "source-to-target"
    else:
        raise UserError("translate takes --target or --source: give the one whose images are to be translated")
    given = [*(assignments or []), f"direction={direction}"]
    settings = read(TranslateSettings, "translate", preset, given, None)
    place = place_of_data(data_root)
    folders = {"images": images, "translator": existing(translator, "--translator")}
    note("translate", settings, folders, place, direction=direction)
    stage.run(images, translator, settings, place, out)


def umdl(
    source: SourceOption,
    target: TargetOption,
    out: OutOption,
    data_root: SharedDataRootOption,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
) -> None:
    """Learn UMDL's dictionaries and write the target's features in them; --set protocol=, fold=."""
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
        list[Path] | None, typer.Option(help="Manifest that translate made; may be given several times.")
    ] = None,
    translator: Annotated[
        list[Path] | None, typer.Option(help="The translator of each --translated, in the same order.")
    ] = None,
    counterpart: Annotated[
        list[Path] | None,
        typer.Option(help="Classifier trained on the translated source; may be given several times."),
    ] = None,
    features: Annotated[
        list[Path] | None, typer.Option(help="Features that umdl made; may be given several times.")
    ] = None,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
) -> None:
    """Measure how well the classifier finds people in the target, as it is and by every other method given."""
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
    }
    note("evaluate", settings, {**folders, **made}, place)
    stage.run(source, target, classifier, settings, place, out, **made)
    show(read_results(str(out / "results.json")), out, f"The report: {out / 'report.html'}")


def summarise(
    results: Annotated[list[Path], typer.Argument(help="Folders that evaluate or summarise wrote.")],
    out: OutOption,
    preset: PresetOption = None,
    assignments: SetOption = None,
) -> None:
    """Sum up several evaluations: means, deviations and confidence intervals beside the paper's figures."""
    from simpgan.components.core.results.rows import read_results
    from simpgan.components.core.results.summary import table
    from simpgan.components.summarise import stage
    from simpgan.components.summarise.settings import SummariseSettings

    settings = read(SummariseSettings, "summarise", preset, assignments, None)
    note("summarise", settings, {"results": all_existing(results, "RESULTS")})
    stage.run(results, settings, out)
    typer.echo(f"\n{table(read_results(out / 'results.json'))}\n\nThe table: {out / 'results.html'}")


def drift(
    reference: Annotated[Path, typer.Option(help="Manifest of the images that the model in use was trained on.")],
    new: Annotated[Path, typer.Option(help="Manifest of what the cameras have sent since.")],
    classifier: Annotated[Path, typer.Option(help="Classifier in use, or an adaptation fetched from the registry.")],
    out: OutOption,
    data_root: RecordedDataRootOption = None,
    preset: PresetOption = None,
    assignments: SetOption = None,
    seed: SeedOption = None,
) -> None:
    """Say which cameras no longer look as they did when the model in use was trained. Needs no label."""
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
    """The settings of one stage; in its own command, `--set` needs no `stage.` in front."""
    from simpgan.pipelines.config.presets import parse_assignment, stage_values

    parsed = [parse_assignment(assignment, stage) for assignment in assignments or []]
    for other, setting, _ in parsed:
        if other != stage:
            raise UserError(f"--set {other}.{setting}: this command runs {stage} only: leave it out")
    return settings.parse(stage_values(preset, parsed, seed)[stage], stage=stage)


def note(
    stage: str,
    settings: Settings,
    folders: Mapping[str, Path | Sequence[Path]],
    data_root: str = "",
    **named: str,
) -> None:
    """Say what this process does as Kubeflow would: the component with its parameters and input folders by name."""
    place = {"data_root": data_root} if data_root else {}
    parameters = {**named, **place, "settings": settings.model_dump_json()}
    note_task(Task.of_command(stage, parameters, folders))


def existing(folder: Path, option: str) -> Path:
    """A folder that is there.

    Raises:
        UserError: it is not.
    """
    if not folder.is_dir():
        from simpgan.components.core.data.manifest import manifest_near

        instead = manifest_near(folder) or ": give one that an earlier stage wrote"
        raise UserError(f"{option} {folder}: there is no such folder{instead}")
    return folder


def all_existing(folders: list[Path] | None, option: str) -> list[Path]:
    """Folders that are there; none if the option was not given."""
    return [existing(folder, option) for folder in folders or []]
