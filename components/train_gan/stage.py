"""Train the translators between source and target (paper 4.3 and 4.4)."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simpgan.components.core.data.image_tensors import load_decoded
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.overlap import refuse_shared_people
from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.data.suitability import (
    images_of_style,
    images_to_adapt_to,
    labelled_images,
    refuse_other_source,
)
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import load_classifier
from simpgan.components.core.models.model_folder import model_digest, save_model
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.training.checkpoint import Checkpoint, checkpoint_key
from simpgan.components.core.training.device import choose_device, memory_explained
from simpgan.components.core.training.distributed import is_first, own_share, process_group
from simpgan.components.core.training.loop import train
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.train_gan.trainer import GanTrainer

logger = logging.getLogger(__name__)

LESS_MEMORY = (
    "lower train_gan.pairs, height, width or channels, or set train_gan.recompute=true or train_gan.precision=bf16"
)


def run(
    source: Path,
    target: Path,
    classifier: Path,
    settings: TrainGanSettings,
    data_root: str,
    output: Path,
    initial: Path | None = None,
) -> None:
    """Train F and G on two manifests with a frozen classifier, and write them as a model folder.

    Of the target only images are used, and only those with the role train in the settings' protocol and fold. Processes
    that torchrun starts share each batch.

    Args:
        source: folder of the labelled manifest.
        target: folder of the manifest to adapt to.
        classifier: model folder that pretrain wrote.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix that holds the shards, and gets the checkpoints.
        output: model folder to write.
        initial: model folder of a translator whose training goes on.

    Raises:
        UserError: inputs that do not belong together, too few images, or shared people.
    """
    labelled, unlabelled = Manifest.load(source), Manifest.load(target)
    network, classifier_config = load_classifier(classifier)
    target_rows = images_to_adapt_to(unlabelled, settings.protocol, settings.fold)
    refuse_shared_people(labelled, unlabelled, settings.allow_shared_people)
    source_rows, sampler = training_set(labelled, classifier, classifier_config, settings.style)
    size = (settings.height, settings.width)
    resolved = settings.model_dump()
    inputs = {
        "source": labelled.digest,
        "target": unlabelled.digest,
        "classifier": model_digest(classifier),
    }
    if initial:
        inputs["initial"] = model_digest(initial)
    checkpoint = Checkpoint(data_root, checkpoint_key("train_gan", resolved, inputs))
    label = f"train_gan {settings.method} {settings.protocol}:{settings.fold}"
    tracking: dict[str, Any] = {"label": label, "settings": resolved, "history": checkpoint.history, "inputs": inputs}
    with (
        process_group(),
        checkpoint.locked(),
        stage_run("train_gan", task=current_task(), **tracking, recorded=is_first()) as tracked,
        memory_explained(label, LESS_MEMORY),
    ):
        tracked.log_data_set(labelled, source, "train")
        tracked.log_data_set(unlabelled, target, "train")
        own_share(settings.pairs)
        device = choose_device()
        trainer = GanTrainer(
            load_decoded(data_root, labelled, source_rows, *size, device),
            sampler,
            load_decoded(data_root, unlabelled, target_rows, *size, device),
            network.to(device),
            settings,
            tracked,
            initial,
        )
        train(
            trainer,
            name=label,
            steps=settings.steps,
            checkpoint=checkpoint,
            every_seconds=settings.checkpoint_seconds,
            run=tracked,
        )
        if not is_first():
            return
        selection = trainer.selector.restore_best()
        tracked.log_summary({f"selected/{name}": value for name, value in selection.items()})
        tracked.set_tag("simpgan.precision", str(trainer.outcome))
        tracked.flush()
        config = {
            "generator": trainer.f.config.model_dump(),
            "source": labelled.dataset,
            "target": unlabelled.dataset,
            "inputs": inputs,
            "settings": resolved,
            "selection": selection,
            "precision": trainer.outcome.precision,
        }
        if settings.classifier_rate:
            config["classifier"] = network.config.model_dump()
        save_model(output, trainer.selector.networks, config)
        shutil.copyfile(checkpoint.history, output / "history.jsonl")
        logger.info(f"{label}: wrote the translators after step {selection['step']} of {settings.steps} to {output}")


def training_set(
    source: Manifest, classifier: Path, config: Mapping[str, Any], style: str
) -> tuple[np.ndarray, PairSampler]:
    """Return the rows of the source that the classifier was trained on, and a sampler with their labels.

    Args:
        source: the labelled manifest.
        classifier: model folder, for messages.
        config: config of the classifier, whose numbering of identities the labels follow.
        style: part of the source whose rows are returned; empty: all.

    Raises:
        UserError: the classifier was trained on another data set, or on another number of identities, or the source has
            no such part.
    """
    trained_on, identities = config["source"], config["classifier"]["identities"]
    refuse_other_source(classifier, trained_on, source)
    rows = labelled_images(source, config["protocol"])
    person = source.images["person"]
    known = np.unique(person.iloc[rows].to_numpy(dtype=np.int64))
    if identities != len(known):
        raise UserError(
            f"the classifier in '{classifier}' was trained on {identities} identities, and the source "
            f"{source.dataset} has {len(known)}: give the manifest it was trained on, or train it again"
        )
    rows = images_of_style(source, rows, style)
    return rows, PairSampler(person.iloc[rows].to_numpy(dtype=np.int64), known)
