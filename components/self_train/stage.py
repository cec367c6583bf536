"""Train a classifier on the target's unlabelled images, by clusters that it finds in them."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from simpgan.components.core.data.image_tensors import load_decoded
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import images_to_cluster, labelled_images, refuse_few_identities
from simpgan.components.core.data.translation_origin import FILE
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import SiameseClassifier, load_classifier
from simpgan.components.core.models.extraction import DecodedImages, StatisticsMeter
from simpgan.components.core.models.model_folder import model_digest, save_model
from simpgan.components.core.process.task import current_task
from simpgan.components.core.results.methods import SELF_TRAINING, SIMPGAN_SELF_TRAINING
from simpgan.components.core.tracking import StageRun, stage_run
from simpgan.components.core.tracking.tags import REASON_TAG
from simpgan.components.core.training.checkpoint import Checkpoint, checkpoint_key
from simpgan.components.core.training.device import choose_device, memory_explained
from simpgan.components.core.training.distributed import is_first, process_group
from simpgan.components.core.training.loop import train
from simpgan.components.self_train.page import write_page
from simpgan.components.self_train.settings import SelfTrainSettings
from simpgan.components.self_train.trainer import LabelledImages, SelfTrainer, clusters

logger = logging.getLogger(__name__)

LESS_MEMORY = "lower self_train.identities or images_per_identity, or self_train.batch"


def run(
    classifier: Path,
    target: Path,
    settings: SelfTrainSettings,
    data_root: str,
    output: Path,
    source: Path | None = None,
    method: str = "",
) -> None:
    """Train a classifier on the unlabelled images of a manifest, and write it as a model folder.

    Of the target only images and cameras are used, and only of images with the role train in the settings' protocol and
    fold. Processes that torchrun starts share each batch.

    Args:
        classifier: model folder of the classifier to start from.
        target: folder of the manifest to learn from.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix that holds the shards, and gets the checkpoints.
        output: model folder to write, with clusters.html.
        source: folder of a labelled manifest to learn from as well, such as the source in the target's style.
        method: name in results; empty: that of `method_of`.

    Raises:
        UserError: inputs that do not belong together, too few images, or clusters that are too few to learn from.
    """
    with process_group(), memory_explained("self_train", LESS_MEMORY):
        train_and_save(classifier, target, settings, data_root, output, source, method)


def train_and_save(
    classifier: Path,
    target: Path,
    settings: SelfTrainSettings,
    data_root: str,
    output: Path,
    source: Path | None,
    method: str,
) -> None:
    """Do the work of one process."""
    unlabelled = Manifest.load(target)
    network, initial = load_classifier(classifier)
    rows = images_to_cluster(unlabelled, settings.protocol, settings.fold, settings.k1)
    labelled = Manifest.load(source) if source else None
    people = identities(labelled, initial, settings) if labelled else None
    device = choose_device()
    resolved = settings.model_dump()
    inputs = {"classifier": model_digest(classifier), "target": unlabelled.digest}
    if labelled:
        inputs["source"] = labelled.digest
    method = method or method_of(initial, source)
    label = f"self_train {method} {settings.protocol}:{settings.fold}"
    checkpoint = Checkpoint(data_root, checkpoint_key("self_train", resolved, inputs))
    tracking: dict[str, Any] = {"label": label, "settings": resolved, "history": checkpoint.history, "inputs": inputs}
    with checkpoint.locked(), stage_run("self_train", task=current_task(), **tracking, recorded=is_first()) as tracked:
        tracked.log_data_set(unlabelled, target, "train")
        if labelled and source:
            tracked.log_data_set(labelled, source, "train")
        trainer = SelfTrainer(
            network.to(device),
            decoded(unlabelled, rows, network, data_root, device),
            LabelledImages(decoded(labelled, people[0], network, data_root, device), people[1])
            if labelled and people
            else None,
            settings,
            tracked,
        )
        train(
            trainer,
            name=label,
            steps=trainer.steps,
            checkpoint=checkpoint,
            every_seconds=settings.checkpoint_seconds,
            run=tracked,
        )
        if not is_first():
            return
        stopped = reason_of_end(trainer)
        if stopped:
            logger.warning(f"{label}: {stopped}")
            tracked.set_tag(REASON_TAG, stopped)
        selection = finish(trainer)
        save_model(
            output,
            {"classifier": trainer.result},
            {
                "classifier": network.config.model_dump(),
                "source": initial["source"],
                "protocol": initial["protocol"],
                "target": unlabelled.dataset,
                "inputs": inputs,
                "settings": resolved,
                "precision": trainer.outcome.precision,
                "selection": selection,
                "adaptation": {
                    "method": method,
                    **{name: resolved[name] for name in ("protocol", "fold", "seed")},
                    "steps": selection["epoch"] * settings.batches,
                },
            },
        )
        shutil.copyfile(checkpoint.history, output / "history.jsonl")
        present(trainer, selection, stopped, output, tracked)
        logger.info(f"{label}: wrote the classifier after epoch {selection['epoch']} of {settings.epochs} to {output}")


def identities(
    source: Manifest, initial: Mapping[str, Any], settings: SelfTrainSettings
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of a labelled data set's training images, ascending, and the person of each, from 0.

    Raises:
        UserError: its people are unknown, too few, or not those of the classifier's data set.
    """
    if source.dataset != initial["source"]:
        raise UserError(
            f"the classifier was trained on {initial['source']}, and the labelled data set is {source.dataset}: "
            f"give the manifest of {initial['source']}, or of its translation into the target's style"
        )
    rows = labelled_images(source, initial["protocol"])
    people, labels = np.unique(source.images["person"].to_numpy()[rows].astype(np.int64), return_inverse=True)
    refuse_few_identities(len(people), settings.identities, "lower self_train.identities")
    return rows, labels


def decoded(
    manifest: Manifest, rows: NDArray[np.int64], network: SiameseClassifier, data_root: str, device: torch.device
) -> DecodedImages:
    """Decode the images of some rows in the size of the classifier."""
    images = load_decoded(data_root, manifest, rows, network.config.height, network.config.width, device)
    return DecodedImages(manifest, data_root, rows=rows, decoded=images)


def method_of(initial: Mapping[str, Any], source: Path | None) -> str:
    """Return the method's name: with SimPGAN if the start or the second data set comes from its translation."""
    before = initial.get("adaptation", {}).get("method", SELF_TRAINING)
    translated = before != SELF_TRAINING or (source is not None and (source / FILE).is_file())
    return SIMPGAN_SELF_TRAINING if translated else SELF_TRAINING


def reason_of_end(trainer: SelfTrainer) -> str:
    """Return why the training ended before its last step; empty if it did not.

    Raises:
        UserError: it ended before there was anything to choose.
    """
    if not trainer.ended:
        return ""
    count = int(trainer.selector.epochs[-1]["count"])
    last = len(trainer.selector.epochs) - 1
    found = f"the clusters collapsed: {clusters(count)} after epoch {last}"
    if not trainer.selector.best:
        raise UserError(f"{found}, the first one: lower self_train.rate or self_train.eps")
    return f"{found}, so the training ended there"


def finish(trainer: SelfTrainer) -> dict[str, float]:
    """Make the best epoch's network the result, with batch-norm statistics of the target. Return its measures."""
    selection = trainer.selector.restore_best()
    meter = StatisticsMeter(
        trainer.result, trainer.target, precision=trainer.settings.precision, seed=trainer.settings.seed
    )
    statistics = meter.measure(trainer.target.rows, trainer.settings.batch)
    trainer.result.load_state_dict({**trainer.result.state_dict(), **statistics})
    return selection


def present(
    trainer: SelfTrainer, selection: Mapping[str, float], stopped: str, output: Path, tracked: StageRun
) -> None:
    """Write the page of the clusters, and record what it shows."""
    tracked.log_summary({f"selected/{name}": value for name, value in selection.items()})
    tracked.set_tag("simpgan.precision", str(trainer.outcome))
    labels = trainer.selector.best["labels"].numpy()
    write_page(output / "clusters.html", trainer.target, labels, trainer.selector.epochs, selection, stopped)
    tracked.log_artifact(output / "clusters.html")
    tracked.flush()
