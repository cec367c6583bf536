"""The contrastive loss against a memory of centres (Dai et al., Cluster Contrast, ACCV 2022)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from simpgan.components.core.models.classifier import SiameseClassifier


class CentreMemory:
    """One centre for each cluster of the target, and behind them one for each person of the source, if there is one.

    Attributes:
        centres: [K, D] of length 1, on the device of training.
        momentum: share that a centre keeps when an image moves it.
    """

    def __init__(self, centres: Tensor, momentum: float) -> None:
        self.centres, self.momentum = centres, momentum

    def move(self, features: Tensor, labels: Tensor) -> None:
        """Move the centres `labels` [N] towards `features` [N, D], one image after another: c = m c + (1 - m) v."""
        for feature, label in zip(functional.normalize(features), labels.tolist(), strict=True):
            moved = self.momentum * self.centres[label] + (1 - self.momentum) * feature
            self.centres[label] = functional.normalize(moved, dim=0)


class ContrastiveLoss(nn.Module):
    """Computes the loss from images: -log exp(v c_own / t) / sum_k exp(v c_k / t), with unit features v.

    The images of each data set go through the network by themselves, so that batch normalisation in training mode never
    mixes the two.
    """

    def __init__(self, classifier: SiameseClassifier, memory: CentreMemory, temperature: float) -> None:
        super().__init__()
        self.classifier, self.memory, self.temperature = classifier, memory, temperature

    def forward(self, batches: list[tuple[str, Tensor, Tensor]]) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Return the losses and the features of each batch.

        Args:
            batches: of each data set its name, images [N, 3, H, W] in [-1, 1], and the places of their centres [N].

        Returns:
            For each data set `loss/<name>`, a mean over its images, and `train/<name>_accuracy`, the share of its
            images whose nearest centre is their own; and features [N, D] without gradient.
        """
        values, features = {}, []
        for name, images, labels in batches:
            embedding = functional.normalize(self.classifier(images).float())
            with torch.autocast(images.device.type, enabled=False):
                logits = embedding @ self.memory.centres.T / self.temperature
            values[f"loss/{name}"] = functional.cross_entropy(logits, labels)
            values[f"train/{name}_accuracy"] = (logits.argmax(1) == labels).float().mean()
            features.append(embedding.detach())
        return values, features
