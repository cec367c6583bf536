"""Retrieval features of a manifest's images, and batch-norm statistics of another data set."""

from copy import deepcopy

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from components.core.data.decoded import iterate_batches, to_unit_range
from components.core.data.manifest import Manifest
from components.core.models.classifier import SiameseClassifier
from components.core.runtime.device import autocast
from components.evaluate.settings import EvaluateSettings


def extract(
    classifier: SiameseClassifier,
    manifest: Manifest,
    rows: np.ndarray,
    settings: EvaluateSettings,
    data_root: str,
    label: str,
) -> np.ndarray:
    """Features [N, D] float32 of `rows`, of length 1: each image's, averaged with its mirror image's."""
    device = next(classifier.parameters()).device
    size = (classifier.config.height, classifier.config.width)
    features: list[torch.Tensor] = []
    with tqdm(total=len(rows), desc=f"features {label}", unit="image", disable=None) as bar:
        for batch in iterate_batches(data_root, manifest, rows, *size, settings.batch):
            images = to_unit_range(batch.to(device))
            with torch.no_grad(), autocast(device, settings.precision):
                both = classifier(torch.cat([images, images.flip(3)])).float()
            original, mirrored = functional.normalize(both).chunk(2)
            features.append(functional.normalize(original + mirrored).cpu())
            bar.update(len(batch))
    return torch.cat(features).numpy()


def with_statistics_of(
    classifier: SiameseClassifier,
    manifest: Manifest,
    rows: np.ndarray,
    settings: EvaluateSettings,
    data_root: str,
) -> SiameseClassifier:
    """A copy of the classifier whose batch-norm statistics are those of `rows` (AdaBN, Li et al. 2017).

    No label is used: each layer's mean and variance become the plain average of those of random batches. A last
    batch that is not full is left out, since it would count as much as a full one.
    """
    adapted = deepcopy(classifier).eval()
    for layer in adapted.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.reset_running_stats()
            layer.momentum = None  # a cumulative average
            layer.train()
    device = next(adapted.parameters()).device
    size = (adapted.config.height, adapted.config.width)
    order = np.random.default_rng(settings.seed).permutation(rows)
    batch_size = min(settings.batch, len(rows))
    for batch in iterate_batches(data_root, manifest, order, *size, batch_size):
        if len(batch) < batch_size:
            break
        with torch.no_grad(), autocast(device, settings.precision):
            adapted(to_unit_range(batch.to(device)))
    return adapted.eval()
