"""k-reciprocal re-ranking: lists ordered by neighbours that images share (Zhong, Zheng, Cao and Li, CVPR 2017)."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from simpgan.components.core.neighbours.jaccard import jaccard_similarities, neighbour_vectors
from simpgan.components.core.training.device import choose_device

K1, K2 = 20, 6
"""Nearest images that describe an image, and those over which descriptions are averaged, as in the paper."""

COSINE_WEIGHT = 0.3
"""Share of the cosine in the similarity, the paper's lambda; the rest is that of the Jaccard similarity."""


def shared_neighbours(
    features: NDArray[np.floating], probes: NDArray[np.int64], gallery: NDArray[np.int64]
) -> sparse.csr_array:
    """Return the Jaccard similarity of the neighbours of probes and gallery images: [Q, G] float32, 0..1.

    Neighbours are looked for among all images, so a probe's list depends on the other probes too.

    Args:
        features: [N, D] of length 1, of all probes and gallery images, each once.
        probes: [Q], places of the probes in `features`.
        gallery: [G], places of the gallery images.
    """
    known = torch.from_numpy(features).to(choose_device())
    vectors = neighbour_vectors(known, min(K1, len(features)), min(K2, len(features)))
    rows = [
        sparse.csr_array(similarity[None, gallery].astype(np.float32))
        for similarity in jaccard_similarities(vectors, probes.tolist())
    ]
    return sparse.vstack(rows, format="csr")
