"""Clusters of images that probably show one person, and measures of them that need no label."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score
from torch import Tensor
from torch.nn import functional

from simpgan.components.core.neighbours.jaccard import jaccard_distances

OUTLIER = -1
"""Label of an image that is in no cluster."""


@dataclass(frozen=True, eq=False)
class Clustering:
    """Clusters of images.

    Attributes:
        labels: [N] int64, cluster of each image from 0, or `OUTLIER`.
        centres: [clusters, D] of length 1, means of each cluster's features, on their device.
        silhouette: mean simplified silhouette, -1..1; 0 if there are fewer than two clusters.
    """

    labels: NDArray[np.int64]
    centres: Tensor
    silhouette: float

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(self.centres)

    @property
    def outliers(self) -> float:
        """Share of the images that are in no cluster."""
        return float((self.labels == OUTLIER).mean())

    @property
    def largest(self) -> float:
        """Share of the images that are in the largest cluster."""
        sizes = np.bincount(self.labels[self.labels != OUTLIER], minlength=1)
        return float(sizes.max() / len(self.labels))


def cluster(features: Tensor, *, k1: int, k2: int, eps: float, min_samples: int) -> NDArray[np.int64]:
    """Find clusters by DBSCAN on the k-reciprocal Jaccard distance. Return the label of each image [N].

    Args:
        features: [N, D] of length 1, on the device to compute on.
        k1, k2: as in `jaccard_distances`.
        eps: largest distance of neighbours in a cluster.
        min_samples: images within `eps` of an image, itself among them, that make it the core of a cluster.
    """
    distances = jaccard_distances(features, k1, k2, eps)
    # scikit-learn looks at stored distances only, and wants those of each image in rising order.
    order = np.lexsort((distances.data, np.repeat(np.arange(distances.shape[0]), np.diff(distances.indptr))))
    distances.data, distances.indices = distances.data[order], distances.indices[order]
    return DBSCAN(eps=eps, min_samples=min_samples, metric="precomputed").fit_predict(distances).astype(np.int64)


def described(features: Tensor, labels: NDArray[np.int64]) -> Clustering:
    """Return the clusters that `labels` [N] make of `features` [N, D], with their centres and silhouette."""
    centres = cluster_centres(features, labels)
    return Clustering(labels, centres, simplified_silhouette(features, labels, centres))


def cluster_centres(features: Tensor, labels: NDArray[np.int64]) -> Tensor:
    """Return the mean feature of each cluster, scaled to length 1: [clusters, D] on the features' device."""
    order = np.argsort(labels, kind="stable")[(labels == OUTLIER).sum() :]
    starts = np.flatnonzero(np.diff(labels[order], prepend=OUTLIER))
    if len(starts) == 0:
        return features[:0]
    # Summed on the CPU: a GPU would add in another order each time.
    sums = np.add.reduceat(features.cpu().numpy()[order], starts)
    return functional.normalize(torch.from_numpy(sums).to(features.device))


def simplified_silhouette(features: Tensor, labels: NDArray[np.int64], centres: Tensor) -> float:
    """Return the mean over clustered images of (b - a) / max(a, b): the simplified silhouette (Hruschka et al. 2004).

    a is the cosine distance to the image's own centre, b that to the nearest other one. The usual silhouette takes
    means over all images of a cluster, which would cost as much as all distances.
    """
    if len(centres) < 2:
        return 0.0
    inside = np.flatnonzero(labels != OUTLIER)
    total = 0.0
    for places in np.array_split(inside, len(inside) // 4096 + 1):
        own = torch.from_numpy(labels[places]).to(features.device)[:, None]
        distances = 1 - features[torch.from_numpy(places).to(features.device)] @ centres.T
        near = distances.gather(1, own)[:, 0]
        other = distances.scatter(1, own, torch.inf).amin(1)
        total += ((other - near) / torch.maximum(other, near).clamp(min=1e-6)).double().sum().item()
    return total / len(inside)


def agreement(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return the adjusted Rand index of two clusterings of the same images: 1 if they are the same, 0 by chance.

    Outliers count as clusters of their own.
    """
    return float(adjusted_rand_score(alone(first), alone(second)))


def alone(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return labels in which each outlier is a cluster of its own."""
    outliers = labels == OUTLIER
    numbers = labels.max(initial=OUTLIER) + 1 + np.arange(outliers.sum())
    separate = labels.copy()
    separate[outliers] = numbers
    return separate
