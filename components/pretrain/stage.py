"""Train the siamese Re-ID classifier on the labelled source (paper 4.2)."""

import logging
import shutil
from pathlib import Path
from typing import Any

import torch

from simpgan.components.core.data.image_tensors import load_decoded
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.data.suitability import labelled_images, refuse_few_identities
from simpgan.components.core.data.translation_origin import FILE, read_origin
from simpgan.components.core.models.backbone_weights import check_content, downsample_at, load_backbone
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.model_folder import save_model
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.training.checkpoint import Checkpoint, checkpoint_key
from simpgan.components.core.training.device import choose_device, memory_explained
from simpgan.components.core.training.distributed import is_first, process_group
from simpgan.components.core.training.loop import train
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.pretrain.trainer import PretrainTrainer

logger = logging.getLogger(__name__)


def run(source: Path, settings: PretrainSettings, data_root: str, output: Path) -> None:
    """Train the classifier on the labelled images of a manifest, and write it as a model folder.

    Processes that torchrun starts train together, and the first one writes.

    Args:
        source: folder of the manifest.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix that holds the shards, and gets the checkpoints.
        output: model folder to write.

    Raises:
        UserError: the manifest has too few labelled images or identities, or the weights cannot be loaded.
    """
    with process_group(), memory_explained("pretrain", "lower pretrain.pairs, or pretrain.height and pretrain.width"):
        train_and_save(source, settings, data_root, output)


def train_and_save(source: Path, settings: PretrainSettings, data_root: str, output: Path) -> None:
    """Do the work of one process."""
    manifest = Manifest.load(source)
    protocol = settings.protocol or manifest.source_protocol
    rows = labelled_images(manifest, protocol)
    sampler = PairSampler(manifest.images["person"].to_numpy()[rows].astype(int))
    refuse_few_identities(sampler.identities, settings.identities)
    classifier = build_classifier(settings, sampler.identities)
    device = choose_device()
    images = load_decoded(data_root, manifest, rows, settings.height, settings.width, device)
    resolved, inputs = settings.model_dump(), {"source": manifest.digest}
    checkpoint = Checkpoint(data_root, checkpoint_key("pretrain", resolved, inputs))
    tracking: dict[str, Any] = {"settings": resolved, "history": checkpoint.history, "inputs": inputs}
    with checkpoint.locked(), stage_run("pretrain", task=current_task(), **tracking, recorded=is_first()) as tracked:
        tracked.log_data_set(manifest, source, "train")
        trainer = PretrainTrainer(classifier.to(device), images, sampler, settings)
        train(
            trainer,
            name=f"pretrain on {manifest.dataset}",
            steps=trainer.steps,
            checkpoint=checkpoint,
            every_seconds=settings.checkpoint_seconds,
            run=tracked,
        )
        if is_first():
            config = {
                "classifier": classifier.config.model_dump(),
                "source": manifest.dataset,
                "protocol": protocol,
                "inputs": inputs,
                "settings": resolved,
                "precision": trainer.outcome.precision,
                **adaptation(source),
            }
            tracked.set_tag("simpgan.precision", str(trainer.outcome))
            save_model(output, {"classifier": classifier}, config)
            shutil.copyfile(checkpoint.history, output / "history.jsonl")
            logger.info(f"{manifest.dataset}: wrote the classifier of {sampler.identities:,} people to {output}")


def adaptation(source: Path) -> dict[str, Any]:
    """Return the split of the target for which a translated source was made, as an entry of the config.

    The entry is empty if `source` is not a source that G translated.
    """
    if not (source / FILE).is_file():
        return {}
    origin = read_origin(source)
    if origin["direction"] != "source-to-target":
        return {}
    trained = origin["settings"]
    split = {name: trained[name] for name in ("protocol", "fold", "seed", "steps")}
    return {"adaptation": {"method": "source-to-target", **split}}


def build_classifier(settings: PretrainSettings, identities: int) -> SiameseClassifier:
    """Build the classifier with its initial weights, for a number of identities."""
    check_content(settings.weights, settings.weights_sha256)
    torch.manual_seed(settings.seed)
    config = ClassifierConfig(
        identities=identities,
        downsample_at=downsample_at(settings.weights),
        **settings.model_dump(include=set(ClassifierConfig.model_fields) & set(PretrainSettings.model_fields)),
    )
    classifier = SiameseClassifier(config)
    load_backbone(classifier.backbone, settings.backbone, settings.weights)
    return classifier
