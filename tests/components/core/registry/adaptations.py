"""Small networks that were never trained, as the stages write them: enough to put adaptations together."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.model_folder import model_digest, save_model
from simpgan.components.core.models.translator import Generator, GeneratorConfig
from tests.conftest import Ingested

SIZE = {"height": 32, "width": 16}


def write_classifier(folder: Path, ingested: Ingested, seed: int = 0) -> Path:
    """A classifier of the source, with statistics that differ from those of any images."""
    torch.manual_seed(seed)
    source = Manifest.load(ingested.source)
    config = ClassifierConfig(backbone="resnet18", identities=8, bn_neck=True, **SIZE)
    network = SiameseClassifier(config)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    settings = {"seed": seed, "verification_weight": 1.0, "preset": ""}
    described = {"classifier": config.model_dump(), "source": source.dataset, "protocol": source.source_protocol}
    save_model(
        folder, {"classifier": network}, {**described, "inputs": {"source": source.digest}, "settings": settings}
    )
    return folder


def write_translator(
    folder: Path, ingested: Ingested, classifier: Path, *, method: str = "simpgan", height: int = 32, seed: int = 0
) -> Path:
    """A translator for folds10, fold 3."""
    torch.manual_seed(seed)
    config = GeneratorConfig(height=height, width=height // 2, channels=4, blocks=1, input_skip=True)
    digests = {
        "source": Manifest.load(ingested.source).digest,
        "target": Manifest.load(ingested.target).digest,
        "classifier": model_digest(classifier),
    }
    training = {"method": method, "protocol": "folds10", "fold": 3, "seed": seed, "steps": 2}
    save_model(
        folder,
        {"f": Generator(config), "g": Generator(config)},
        {"generator": config.model_dump(), "inputs": digests, "settings": training, "selection": None},
    )
    return folder


def write_two_cameras(folder: Path, ingested: Ingested) -> Manifest:
    """The target with all its images for training: four probes are of camera 2, which has too few; 19 of camera 1."""
    known = Manifest.load(ingested.target)
    roles = known.roles[(known.roles["protocol"] == "all250") & (known.roles["role"] != "train")]
    train = pd.DataFrame({"image": range(len(known.images)), "protocol": "all250", "fold": 0, "role": "train"})
    of_camera_2 = np.isin(np.arange(len(known.images)), known.rows("all250", 0, "query")[:4])
    target = Manifest("grid", known.images.assign(camera=np.where(of_camera_2, 2, 1)), pd.concat([roles, train]))
    target.save(folder)
    return target


def rewrite_config(folder: Path, **changes: object) -> None:
    """Change entries of a model folder's config."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
