"""Identity-balanced batches over several cameras."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from simpgan.components.self_train.clustering import OUTLIER


class ClusterSampler:
    """Draws batches of images of some clusters, or of some people.

    Args:
        labels: [N], cluster of each image from 0, every one with an image, or `OUTLIER`, which is never drawn.
        cameras: [N], camera of each image, any numbers.
    """

    def __init__(self, labels: NDArray[np.int64], cameras: NDArray[np.int64]) -> None:
        self.labels, self.cameras = torch.from_numpy(labels), cameras
        order = np.argsort(labels, kind="stable")
        counts = np.bincount(labels[labels != OUTLIER])
        self.members = np.split(order[len(order) - counts.sum() :], np.cumsum(counts)[:-1])

    def draw(self, identities: int, images: int, generator: torch.Generator) -> Tensor:
        """Draw `images` images each of as many random clusters: rows [identities * images], a cluster's side by side.

        Clusters do not repeat unless there are fewer; then they repeat in turn. So do the images of a cluster.
        """
        chosen = torch.randperm(len(self.members), generator=generator)[
            torch.arange(identities) % len(self.members)
        ].tolist()
        return torch.cat([self.draw_members(self.members[cluster], images, generator) for cluster in chosen])

    def draw_members(self, members: NDArray[np.int64], images: int, generator: torch.Generator) -> Tensor:
        """Draw images of one cluster [images] with its cameras in turn, so that as many as possible have a part."""
        order = members[torch.randperm(len(members), generator=generator).numpy()]
        cameras = self.cameras[order]
        turn = np.empty(len(order), np.int64)
        for camera in np.unique(cameras):
            own = cameras == camera
            turn[own] = np.arange(own.sum())
        rows = torch.from_numpy(order[np.argsort(turn, kind="stable")])
        return rows[torch.arange(images) % len(rows)]
