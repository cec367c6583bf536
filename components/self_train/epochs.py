"""Choose the epoch that becomes the result, by measures of its clusters that need no label."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from simpgan.components.core.data.suitability import FEWEST_CLUSTERS
from simpgan.components.core.tracking import StageRun
from simpgan.components.self_train.clustering import Clustering, agreement
from simpgan.components.self_train.settings import SelfTrainSettings


class EpochSelector:
    """Keeps the measures of all epochs, and the network of the best one so far.

    Args:
        network: the network that becomes the result; it has the weights of the epoch that is considered.
        settings: settings of the stage.
        run: gets the measures of every epoch.

    Attributes:
        epochs: measures of the start and of each epoch, by name.
        best: epoch, its labels, and the network's weights; empty before the first epoch.
    """

    def __init__(self, network: nn.Module, settings: SelfTrainSettings, run: StageRun) -> None:
        self.network, self.settings, self.run = network, settings, run
        self.epochs: list[dict[str, float]] = []
        self.labels: NDArray[np.int64] = np.empty(0, np.int64)
        self.best: dict[str, Any] = {}

    @property
    def collapsed(self) -> bool:
        """Tell whether the clusters found last are too few to learn from."""
        return bool(self.epochs) and self.epochs[-1]["count"] < FEWEST_CLUSTERS

    def start(self, found: Clustering) -> None:
        """Note the clusters of the network that the training starts from."""
        self.epochs.append(measures(found))
        self.labels = found.labels
        self.record(0)

    def consider(self, found: Clustering, step: int) -> None:
        """Note the clusters after an epoch that ended with `step`, and keep the network if it is the best so far.

        The same clusters as before are the best agreement. A network whose clusters have collapsed is never kept.
        """
        own = measures(found)
        own["agreement"] = agreement(self.labels, found.labels)
        own["score"] = score(own)
        self.epochs.append(own)
        self.labels = found.labels
        self.record(step)
        if self.collapsed:
            return
        better = not self.best or own["score"] > self.epochs[self.best["epoch"]]["score"]
        if better or self.settings.choose == "last":
            weights = {name: value.clone() for name, value in self.network.state_dict().items()}
            self.best = {"epoch": len(self.epochs) - 1, "labels": torch.from_numpy(found.labels), "network": weights}

    def record(self, step: int) -> None:
        """Record the measures found last."""
        self.run.log_metrics(step, {f"clusters/{name}": value for name, value in self.epochs[-1].items()})

    def restore_best(self) -> dict[str, float]:
        """Load the best epoch's weights into the network. Return its number, from 1, and its measures."""
        self.network.load_state_dict(self.best["network"])
        return {"epoch": self.best["epoch"], **self.epochs[self.best["epoch"]]}

    def state(self) -> Mapping[str, Any]:
        """Return everything that later epochs depend on."""
        return {"epochs": self.epochs, "labels": torch.from_numpy(self.labels), "best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self.epochs, self.labels, self.best = state["epochs"], state["labels"].numpy(), state["best"]


def measures(found: Clustering) -> dict[str, float]:
    """Return the measures of one clustering by name."""
    return {
        "count": found.count,
        "outliers": found.outliers,
        "largest": found.largest,
        "silhouette": found.silhouette,
    }


def score(own: Mapping[str, float]) -> float:
    """Return the score of an epoch, 0..1, higher is better: a product of four shares, each of which can spoil it.

    They are the agreement with the clusters before the epoch (adjusted Rand index), the silhouette scaled to 0..1, the
    share of images in clusters, and the share of images outside the largest cluster.
    """
    steady = max(0.0, own["agreement"])
    separate = (1 + own["silhouette"]) / 2
    return steady * separate * (1 - own["outliers"]) * (1 - own["largest"])
