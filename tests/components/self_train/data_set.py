"""A generated target with several images of each person, and a classifier to start from."""

from pathlib import Path

import torch

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.model_folder import save_model
from simpgan.components.self_train.settings import SelfTrainSettings

TINY = {
    "protocol": "standard",
    "epochs": 2,
    "batches": 3,
    "identities": 4,
    "images_per_identity": 2,
    "k1": 4,
    "k2": 2,
    "min_samples": 2,
    "crop_padding": 2,
    "rate": 1e-4,
    "batch": 32,
    "precision": "fp32",
}


def tiny(**changes: object) -> SelfTrainSettings:
    return SelfTrainSettings.parse(TINY | changes)


def write_classifier(folder: Path, **config: object) -> Path:
    """Write a classifier with random weights, as pretrain would."""
    torch.manual_seed(0)
    network = SiameseClassifier(
        ClassifierConfig(backbone="resnet18", identities=8, height=32, width=32, bn_neck=True, last_stride=1)
    )
    settings = {"seed": 0, "verification_weight": 1}
    written = {"classifier": network.config.model_dump(), "source": "market1501", "protocol": "standard"}
    save_model(folder, {"classifier": network}, {**written, "settings": settings, **config})
    return folder
