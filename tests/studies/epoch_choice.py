"""How well the label-free score of self-training's epochs predicts what each is worth.

    python -m tests.studies.epoch_choice --target MANIFEST --classifier MODEL --protocol standard --data-root DIR \
        --out study.jsonl --preset small

Trains as `simpgan self-train` does, without labels, and measures the network of every epoch with labels, under the
statistics of all training images and under those of each camera. Every epoch becomes a line of the file as soon as it
is measured. Ends with Spearman's rank correlation of the measures with the rates; epochs of one training resemble each
other, so give the files of several trainings by `--also`.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import images_to_cluster
from simpgan.components.core.models.classifier import SiameseClassifier, load_classifier
from simpgan.components.core.models.extraction import PreparedImages, extract, measure_statistics
from simpgan.components.core.results.methods import ADABN, CAMERA_ADABN
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.training.device import choose_device
from simpgan.components.evaluate.data_sets import Target, TargetSplit
from simpgan.components.evaluate.evaluation import rank_by_cosine
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.self_train.settings import SelfTrainSettings
from simpgan.components.self_train.stage import decoded
from simpgan.components.self_train.trainer import SelfTrainer
from simpgan.pipelines.config.presets import parse_assignment, stage_values
from tests.studies.prediction import spearman

MEASURES = ("count", "outliers", "largest", "silhouette", "agreement", "score")
RATES = tuple(f"{rate} {part}" for part in (ADABN, CAMERA_ADABN) for rate in ("rank-1", "mAP"))

application = typer.Typer()


@application.command()
def main(
    target: Annotated[Path, typer.Option()],
    classifier: Annotated[Path, typer.Option()],
    data_root: Annotated[str, typer.Option()],
    out: Annotated[Path, typer.Option()],
    protocol: Annotated[str, typer.Option()] = "standard",
    preset: Annotated[str, typer.Option()] = "small",
    assignments: Annotated[list[str] | None, typer.Option("--set")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    also: Annotated[list[Path] | None, typer.Option()] = None,
) -> None:
    """Train, measure every epoch, and print the rank correlations."""
    given = [parse_assignment(text, "self_train") for text in [*(assignments or []), f"protocol={protocol}"]]
    settings = SelfTrainSettings.parse(stage_values(preset, given, seed)["self_train"], stage="self_train")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("")
    manifest = Manifest.load(target)
    rows = images_to_cluster(manifest, settings.protocol, settings.fold, settings.k1)
    device = choose_device()
    network = load_classifier(classifier)[0].to(device)
    images = decoded(manifest, rows, network, data_root, device)
    searched = Target.load(target, [settings.protocol], data_root)
    with stage_run("self_train", settings={}, history=out.with_suffix(".history")) as run:
        trainer = SelfTrainer(network, images, None, settings, run)
        for step in range(trainer.steps):
            before = len(trainer.selector.epochs)
            trainer.step(step)
            for epoch in range(before, len(trainer.selector.epochs)):
                if epoch == 0:  # measured before the first step has changed anything but the first clusters
                    continue
                row = {"training": out.stem, "epoch": epoch, **trainer.selector.epochs[epoch]}
                row |= rates_of(trainer.result, searched, rows, settings)
                with out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                typer.echo(json.dumps(row))
            if trainer.ended:
                break
    typer.echo(report(pd.concat([pd.read_json(path, lines=True) for path in [out, *(also or [])]])))


def rates_of(
    network: SiameseClassifier, target: Target, unlabelled: Any, settings: SelfTrainSettings
) -> dict[str, float]:
    """Return rank-1 and mAP, in percent, under the statistics of all images and of each camera."""
    split = TargetSplit(settings.protocol, settings.fold)
    recorded = PreparedImages(target.manifest, target.data_root)
    looking: dict[str, Any] = {"batch": settings.batch, "precision": settings.precision}
    measured = measure_statistics(network, recorded, unlabelled, **looking, seed=settings.seed, by_camera=True)
    rates = {}
    for part, statistics in ((ADABN, measured.of_whole_set), (CAMERA_ADABN, measured)):
        rows = target.searched([split])
        seen = extract(network, recorded, rows, **looking, label=part, statistics=statistics)
        found = dict(rank_by_cosine(target, split, seen, EvaluateSettings()))[""].rates()
        rates |= {f"{rate} {part}": float(found[rate]) for rate in ("rank-1", "mAP")}
    return rates


def report(rows: pd.DataFrame) -> str:
    """Return a table in Markdown: Spearman's rank correlation of each measure with each rate, over all epochs."""
    lines = ["| measure | " + " | ".join(RATES) + " |", "| --- |" + " --: |" * len(RATES)]
    for measure in MEASURES:
        cells = [f"{spearman(rows[[measure, rate]].to_numpy()):+.2f}" for rate in RATES]
        lines.append(f"| {measure} | " + " | ".join(cells) + " |")
    for name, training in rows.groupby("training"):
        chosen, last = training.loc[training["score"].idxmax()], training.iloc[-1]
        rate = RATES[-1]
        lines.append("")
        lines.append(
            f"{name}: {rate} {chosen[rate]:.1f} by score (epoch {chosen['epoch']:.0f}), {last[rate]:.1f} in the last, "
            f"{training[rate].max():.1f} in the best"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    application()
