"""Whitening of features by those of unlabelled images (Jegou and Chum, ECCV 2012).

Features of a classifier that was trained on other people vary most in directions that people share, such as the light
or the pose. Whitened, these directions count less.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

RIDGE = 10.0
"""What is added to the variance of each direction, in mean variances.

With less, images by which features are whitened look unlike each other, also those of one person, and they are often
the ones that are searched.
"""


@dataclass(frozen=True, eq=False)
class Whitening:
    """Maps features f to (C + r I)^(-1/2) (f - m), scaled to length 1.

    m and C are mean and covariance of the unlabelled features, and r is `RIDGE` times the mean of their variances.

    Attributes:
        mean: [D] float32, m.
        directions: [R, D] float32, eigenvectors of C; in all others the unlabelled features do not vary.
        shrinkage: [R] float32, 0..1, what is taken from a feature in each of these directions, as a share.
    """

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    shrinkage: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.float32]) -> Self:
        """Measure the whitening of unlabelled features [N, D]."""
        mean = features.mean(0)
        centred = features - mean
        if len(features) > len(mean):  # much faster, and needs no second array of all features
            variances, columns = np.linalg.eigh(centred.T @ centred / len(features))
            variances, directions = np.maximum(variances, 0), columns.T
        else:
            _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
            variances = lengths**2 / len(features)
        ridge = RIDGE * variances.sum() / len(mean)
        shrinkage = 1 - np.sqrt(ridge / np.maximum(variances + ridge, np.finfo(np.float32).tiny))
        return cls(mean, directions, shrinkage)

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Whiten features [N, D]: [N, D] of length 1, compared by cosine."""
        centred = features - self.mean
        whitened = centred - (centred @ self.directions.T * self.shrinkage) @ self.directions
        length = np.linalg.norm(whitened, axis=1, keepdims=True)
        return whitened / np.maximum(length, np.finfo(np.float32).tiny)
