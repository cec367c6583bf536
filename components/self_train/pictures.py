"""Clusters as rows of crops."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simpgan.components.self_train.clustering import OUTLIER

ROWS = 12
COLUMNS = 10


def shown_clusters(labels: NDArray[np.int64], rows: int) -> list[int]:
    """Return some clusters, evenly spread from the largest to the smallest."""
    sizes = np.bincount(labels[labels != OUTLIER])
    order = np.argsort(-sizes, kind="stable")
    return order[np.linspace(0, len(order) - 1, min(rows, len(order))).astype(int)].tolist()


def shown_members(labels: NDArray[np.int64], cluster: int, columns: int) -> NDArray[np.int64]:
    """Return some images of a cluster, evenly spread over it."""
    members = np.flatnonzero(labels == cluster)
    return members[np.linspace(0, len(members) - 1, min(columns, len(members))).astype(int)]


def cluster_grid(images: Tensor, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return a picture with one row of crops for each of some clusters: [rows * H, COLUMNS * W, 3].

    Args:
        images: uint8 [N, 3, H, W].
        labels: [N], cluster of each image.
    """
    rows = []
    for cluster in shown_clusters(labels, ROWS):
        crops = images[torch.from_numpy(shown_members(labels, cluster, COLUMNS)).to(images.device)].cpu()
        row = torch.full((COLUMNS, *crops.shape[1:]), 255, dtype=torch.uint8)
        row[: len(crops)] = crops
        rows.append(torch.cat(list(row), dim=2))
    return torch.cat(rows, dim=1).permute(1, 2, 0).numpy()
