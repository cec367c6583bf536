"""Train the siamese Re-ID classifier on the labelled source (paper 4.2)."""

import shutil
from pathlib import Path

import torch

from components.core.data.decoded import load_decoded
from components.core.data.manifest import Manifest
from components.core.data.pairs import PairSampler
from components.core.models.classifier import ClassifierConfig, SiameseClassifier
from components.core.models.folder import save_model
from components.core.models.weights import downsample_at, load_backbone
from components.core.runtime.checkpoint import Checkpoint, checkpoint_key
from components.core.runtime.device import choose_device
from components.core.runtime.errors import UserError
from components.core.runtime.tracking import stage_run
from components.core.runtime.training import train
from components.pretrain.settings import PretrainSettings
from components.pretrain.trainer import PretrainTrainer


def run(source: Path, settings: PretrainSettings, data_root: str, output: Path) -> None:
    """Train on the manifest in the folder `source`; write the classifier's model folder to `output`."""
    manifest = Manifest.load(source)
    protocol = settings.protocol or manifest.source_protocol
    rows = manifest.rows(protocol, 0, "train")
    if len(rows) == 0:
        raise UserError(f"the source {manifest.dataset} has no training images in protocol '{protocol}'")
    sampler = PairSampler(manifest.images["person"].to_numpy()[rows].astype(int))
    classifier = build_classifier(settings, sampler.identities)
    device = choose_device()
    images = load_decoded(data_root, manifest, rows, settings.height, settings.width, device)
    resolved, inputs = settings.model_dump(), {"source": manifest.digest}
    checkpoint = Checkpoint(data_root, checkpoint_key("pretrain", resolved, inputs))
    with stage_run("pretrain", settings=resolved, history=checkpoint.history, inputs=inputs) as tracked:
        trainer = PretrainTrainer(classifier.to(device), images, sampler, settings)
        train(
            trainer,
            name=f"pretrain on {manifest.dataset}",
            steps=trainer.steps_per_epoch * settings.epochs,
            checkpoint=checkpoint,
            every_seconds=settings.checkpoint_seconds,
            run=tracked,
        )
        config = {
            "classifier": classifier.config.model_dump(),
            "source": manifest.dataset,
            "protocol": protocol,
            "inputs": inputs,
            "settings": resolved,
        }
        save_model(output, {"classifier": classifier}, config)
        shutil.copyfile(checkpoint.history, output / "history.jsonl")


def build_classifier(settings: PretrainSettings, identities: int) -> SiameseClassifier:
    """The classifier before its training."""
    torch.manual_seed(settings.seed)
    config = ClassifierConfig(
        identities=identities,
        downsample_at=downsample_at(settings.weights),
        **settings.model_dump(include={"backbone", "height", "width", "dropout", "last_stride", "bn_neck"}),
    )
    classifier = SiameseClassifier(config)
    load_backbone(classifier.backbone, settings.backbone, settings.weights)
    return classifier
