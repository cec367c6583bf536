"""How well the label-free measures of a translation predict what it is worth.

    python -m tests.studies.checkpoint_choice --source MANIFEST --target MANIFEST --classifier MODEL \
        --data-root DIR --out study.json

Trains small translators, takes candidates along each training, and compares the measures of
`components/core/models/unlabelled_score.py` with the rank-1 and mAP of the target's labelled probes. Every candidate
becomes a row of the JSON file as soon as it is measured; trainings that are complete there are not repeated. Ends with
tables in Markdown. On one core it takes half an hour.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from torch import nn
from torch.nn import functional

from simpgan.components.core.data.image_tensors import load_decoded, to_unit_range
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.models.classifier import SiameseClassifier, load_classifier
from simpgan.components.core.models.precision import Inference
from simpgan.components.core.models.unlabelled_score import TranslatorJudge, selection_score
from simpgan.components.core.process.provenance import hardware, today
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.training.device import choose_device
from simpgan.components.evaluate.metrics import UNKNOWN, RankingResult, rank
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.train_gan.trainer import GanTrainer
from tests.studies.prediction import report

PROTOCOL, FOLD = "folds10", 0
CANDIDATES = 4
SMALL: dict[str, Any] = {
    "channels": 16,
    "blocks": 3,
    "upsample": "resize",
    "input_skip": True,
    "steps": 120,
    "pairs": 1,
    "rate": 1e-3,
    "average_decay": 0.95,
    "crop_padding": 4,
    "lambda_fitness": 30,
    "candidates": 1,
}
"""The options of the preset `small`, with smaller networks, fewer steps and a higher rate."""

TRAININGS: dict[str, dict[str, Any]] = {
    "simpgan-fit": {"method": "simpgan-fit"},
    "cyclegan": {"method": "cyclegan"},
    "simpgan": {"method": "simpgan"},
    "simpgan-fit, lambda 100": {"method": "simpgan-fit", "lambda_fitness": 100, "seed": 1},
    "cyclegan, identity 5": {"method": "cyclegan", "lambda_identity": 5, "seed": 1},
    "gan": {"method": "gan"},
    "simpgan-fit, lambda 5": {"method": "simpgan-fit", "lambda_fitness": 5, "seed": 2},
    "simpgan, lambda 10": {"method": "simpgan", "lambda_similarity": 10, "seed": 2},
    "cyclegan, slow": {"method": "cyclegan", "rate": 4e-4, "seed": 3},
    "simpgan-fit, seed 3": {"method": "simpgan-fit", "seed": 3},
    "gan, slow": {"method": "gan", "rate": 4e-4, "seed": 4},
    "simpgan-fit, identity 5": {"method": "simpgan-fit", "lambda_identity": 5, "seed": 4},
}

application = typer.Typer()


class Truth:
    """What a translator is worth: the ranking of the split's probes, without mirror images."""

    def __init__(self, classifier: SiameseClassifier, target: Manifest, data_root: str, precision: str) -> None:
        self.classifier, self.precision = classifier, precision
        self.query, self.gallery = (target.rows(PROTOCOL, FOLD, role) for role in ("query", "gallery"))
        self.person, self.camera = (
            target.images[column].fillna(UNKNOWN).to_numpy(dtype=np.int64) for column in ("person", "camera")
        )
        rows = np.concatenate([self.query, self.gallery])
        self.device = next(classifier.parameters()).device
        self.images = load_decoded(data_root, target, rows, *size_of(classifier), self.device)

    def ranking(self, translator: nn.Module) -> RankingResult:
        """Of the probes, with all images translated."""
        batches = []
        for batch in self.images.split(64):
            translated = Inference(translator, self.precision, kept=False)(to_unit_range(batch))
            batches.append(Inference(self.classifier, self.precision)(translated).cpu())
        features = functional.normalize(torch.cat(batches)).numpy()
        return rank(
            features[: len(self.query)],
            features[len(self.query) :],
            query_person=self.person[self.query],
            gallery_person=self.person[self.gallery],
            query_camera=self.camera[self.query],
            gallery_camera=self.camera[self.gallery],
        )


class Study:
    """Trains translators, and measures and ranks their candidates."""

    def __init__(
        self, source: Manifest, target: Manifest, classifier: SiameseClassifier, protocol: str, data_root: str
    ) -> None:
        self.device = next(classifier.parameters()).device
        self.classifier = classifier.freeze()
        rows = source.rows(protocol, 0, "train")
        unlabelled = target.rows(PROTOCOL, FOLD, "train")
        size = size_of(classifier)
        self.source = load_decoded(data_root, source, rows, *size, self.device)
        self.target = load_decoded(data_root, target, unlabelled, *size, self.device)
        self.sampler = PairSampler(source.images["person"].to_numpy()[rows].astype(int))
        self.judge = TranslatorJudge(classifier, self.source, self.target, seed=0, precision="auto")
        self.truth = Truth(classifier, target, data_root, "auto")

    def row(self, training: str, step: int, f: nn.Module, g: nn.Module) -> dict[str, Any]:
        """A candidate's measures and its true rates, percent."""
        started = time.perf_counter()
        measures = self.judge.measure(f, g)
        seconds = time.perf_counter() - started
        result = self.truth.ranking(f)
        return {
            "training": training,
            "step": step,
            "rank-1": 100 * float(result.cmc[0]),
            "mAP": 100 * result.mean_average_precision,
            "seconds": seconds,
            "score": selection_score(measures),
            **measures,
        }

    def rows(self, training: str, changes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The candidates of one training."""
        height, width = size_of(self.classifier)
        settings = TrainGanSettings(**{**SMALL, "height": height, "width": width, **changes})
        with (
            TemporaryDirectory() as folder,
            stage_run("train_gan", settings={}, history=Path(folder) / "history.jsonl") as run,
        ):
            trainer = GanTrainer(self.source, self.sampler, self.target, self.classifier, settings, run)
            trainer.selector.judge = None  # the study measures, and more often
            for step in range(settings.steps):
                trainer.step(step)
                if (step + 1) % (settings.steps // CANDIDATES) == 0:
                    yield self.row(training, step + 1, trainer.average_f, trainer.average_g)


def size_of(classifier: SiameseClassifier) -> tuple[int, int]:
    """Height and width, pixels."""
    return classifier.config.height, classifier.config.width


@application.command()
def main(
    source: Annotated[Path, typer.Option(help="manifest of the labelled data set")],
    target: Annotated[Path, typer.Option(help="manifest of the data set to adapt to")],
    classifier: Annotated[Path, typer.Option(help="model folder of the pretrain stage")],
    data_root: Annotated[str, typer.Option(help="folder with the shards")],
    out: Annotated[Path, typer.Option(help="JSON file of the rows")],
    trainings: Annotated[int, typer.Option(help="how many of them, in their order")] = len(TRAININGS),
    change: Annotated[str, typer.Option(help="JSON object of settings for all trainings")] = "{}",
) -> None:
    """Measure the candidates that are not in OUT yet, and print the tables."""
    labelled, unlabelled = Manifest.load(source), Manifest.load(target)
    network, config = load_classifier(classifier)
    study = Study(labelled, unlabelled, network.to(choose_device()), config["protocol"], data_root)
    rows = json.loads(out.read_text())["rows"] if out.is_file() else []

    def add(row: dict[str, Any]) -> None:
        rows.append(row)
        about = f"{labelled.dataset} to {unlabelled.dataset}, {PROTOCOL}, fold {FOLD}; {hardware()}; {today()}"
        out.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
        typer.echo(f"{row['training']}, step {row['step']}: score {row['score']:.3f}, rank-1 {row['rank-1']:.1f} %")

    for name, changes in [("as recorded", None), *list(TRAININGS.items())[:trainings]]:
        there = sum(row["training"] == name for row in rows)
        if there == (1 if changes is None else CANDIDATES):
            continue
        rows[:] = [row for row in rows if row["training"] != name]
        if changes is None:
            add(study.row(name, 0, nn.Identity(), nn.Identity()))
            continue
        for row in study.rows(name, {**changes, **json.loads(change)}):
            add(row)
    typer.echo(report(pd.DataFrame(rows), json.loads(out.read_text())["about"]))


if __name__ == "__main__":
    application()
