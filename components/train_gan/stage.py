"""Train the translators between source and target (paper 4.3 and 4.4)."""

import shutil
from pathlib import Path

from components.core.data.decoded import load_decoded
from components.core.data.manifest import Manifest
from components.core.data.pairs import PairSampler
from components.core.models.classifier import load_classifier
from components.core.models.folder import model_digest, save_model
from components.core.runtime.checkpoint import Checkpoint, checkpoint_key
from components.core.runtime.device import choose_device
from components.core.runtime.errors import UserError
from components.core.runtime.tracking import stage_run
from components.core.runtime.training import train
from components.train_gan.settings import TrainGanSettings
from components.train_gan.trainer import GanTrainer


def run(source: Path, target: Path, classifier: Path, settings: TrainGanSettings, data_root: str, output: Path) -> None:
    """Train on the manifests at `source` and `target` with the classifier in its model folder; write the translators.

    Of the target only the images are used, and only those with the role train in the settings' protocol and fold.
    """
    labelled, unlabelled = Manifest.load(source), Manifest.load(target)
    network, classifier_config = load_classifier(classifier)
    source_rows = labelled.rows(classifier_config["protocol"], 0, "train")
    target_rows = unlabelled.rows(settings.protocol, settings.fold, "train")
    if len(target_rows) == 0:
        raise UserError(
            f"the target {unlabelled.dataset} has no training images in protocol '{settings.protocol}', "
            f"fold {settings.fold}"
        )
    sampler = PairSampler(labelled.images["person"].to_numpy()[source_rows].astype(int))
    device = choose_device()
    size = (settings.height, settings.width)
    resolved = settings.model_dump()
    inputs = {
        "source": labelled.digest,
        "target": unlabelled.digest,
        "classifier": model_digest(classifier),
    }
    checkpoint = Checkpoint(data_root, checkpoint_key("train_gan", resolved, inputs))
    label = f"train_gan {settings.method} {settings.protocol}:{settings.fold}"
    with stage_run("train_gan", label=label, settings=resolved, history=checkpoint.history, inputs=inputs) as tracked:
        trainer = GanTrainer(
            load_decoded(data_root, labelled, source_rows, *size, device),
            sampler,
            load_decoded(data_root, unlabelled, target_rows, *size, device),
            network.to(device),
            settings,
            tracked,
        )
        train(
            trainer,
            name=label,
            steps=settings.steps,
            checkpoint=checkpoint,
            every_seconds=settings.checkpoint_seconds,
            run=tracked,
        )
        config = {
            "generator": trainer.f.config.model_dump(),
            "source": labelled.dataset,
            "target": unlabelled.dataset,
            "inputs": inputs,
            "settings": resolved,
        }
        save_model(output, {"f": trainer.average_f, "g": trainer.g}, config)
        shutil.copyfile(checkpoint.history, output / "history.jsonl")
