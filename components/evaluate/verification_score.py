"""The verification score of Eq. 1 as a dot product of two vectors, so that it ranks as cosine does."""

import numpy as np
from numpy.typing import NDArray


def verification_vectors(
    weight: NDArray[np.float32], probes: NDArray[np.float32], gallery: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return vectors whose dot products order a probe's gallery as the verification score of Eq. 1 does.

    The score is w (v1 - v2)^2 + b = -2 (w v1) v2 + w v2^2 + (w v1^2 + b). The last part is the same for a probe's whole
    gallery and left out. The rest is a dot product of two vectors: the probe's ends with a constant, the gallery
    image's with w v2^2. Moving v1 and v2 together changes no difference, so their mean is subtracted: otherwise the
    score would drown in the rounding of two large terms.

    As in cosine ranking the largest possible product is 1, so that ties mean the same: probes have length 1, and so has
    the longest vector of the gallery.

    Args:
        weight: [D], w of the verification head.
        probes: [Q, D], embeddings v1.
        gallery: [G, D], embeddings v2.

    Returns:
        [Q, D + 1] and [G, D + 1].
    """
    root = np.sqrt(np.abs(weight))
    middle = gallery.mean(axis=0)
    first, second = (probes - middle) * root, (gallery - middle) * root
    largest = np.linalg.norm(second, axis=1).max() or np.float32(1)
    of_probes = append_column(-2 * np.sign(weight) * first, np.full(len(first), largest))
    of_gallery = append_column(second, (second**2) @ np.sign(weight) / largest)
    of_probes /= np.linalg.norm(of_probes, axis=1, keepdims=True)
    of_gallery /= np.linalg.norm(of_gallery, axis=1).max() or np.float32(1)
    return of_probes, of_gallery


def append_column(matrix: NDArray[np.float32], column: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `matrix` [N, D] with `column` [N] as its last column."""
    return np.concatenate([matrix, column[:, None]], axis=1, dtype=np.float32)
