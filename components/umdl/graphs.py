"""Graphs that link images whose codes should be alike, and the codes that follow from them.

A graph has the Laplacian L = diag(W 1) - W of its links W. Its codes Z [K, N] minimise

    sum_i |x_i - P z_i|^2 + a tr(Z L Z') + g |Z|^2,

given as `gram` = P'P [K, K] and `right` = P'X [K, N]. Both graphs rotate them by the eigenvectors of the gram matrix,
so that every number of a code stands alone.
"""

from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array, diags_array

Matrix = NDArray[np.float64]


class Graph(Protocol):
    """Links between the images of one data set."""

    def energy(self, codes: Matrix) -> float:
        """Return tr(Z L Z'): half the sum over all linked pairs of the squared distance of their codes."""

    def smooth(self, gram: Matrix, right: Matrix, codes: Matrix, a: float, g: float) -> Matrix:
        """Return codes [K, N] with a lower objective (above) than `codes`."""


class IdentityGraph:
    """Links every two images of one person by 1, so that L = nI - 11' for a person with n images.

    Args:
        person: [N] int.
    """

    def __init__(self, person: NDArray[np.int64]) -> None:
        _, self.person, self.images = np.unique(person, return_inverse=True, return_counts=True)
        self.members = csr_array((np.ones(len(person)), (np.arange(len(person)), self.person)))

    def means(self, codes: Matrix) -> Matrix:
        """Return [K, N] with each column replaced by the mean of its person."""
        return ((codes @ self.members) / self.images)[:, self.person]

    def energy(self, codes: Matrix) -> float:
        """Return tr(Z L Z'); see `Graph`."""
        return float(((codes - self.means(codes)) ** 2).sum(axis=0) @ self.images[self.person])

    def smooth(self, gram: Matrix, right: Matrix, codes: Matrix, a: float, g: float) -> Matrix:
        """Return the best codes in closed form: L is 0 on a person's mean, and n on the difference from it."""
        curvature, vectors = np.linalg.eigh(gram)
        turned = vectors.T @ right
        means = self.means(turned)
        curvature = curvature[:, None] + g
        return vectors @ (means / curvature + (turned - means) / (curvature + a * self.images[self.person]))


class LinkGraph:
    """Few links of any weight.

    Args:
        links: [N, N], symmetric, not negative, with an empty diagonal.
    """

    def __init__(self, links: csr_array) -> None:
        self.links = csr_array(links)
        self.degree = self.links.sum(axis=1)

    def energy(self, codes: Matrix) -> float:
        """Return tr(Z L Z'); see `Graph`."""
        laplacian = diags_array(self.degree) - self.links
        return float(((codes @ laplacian) * codes).sum())

    def smooth(self, gram: Matrix, right: Matrix, codes: Matrix, a: float, g: float) -> Matrix:
        """Update one code after the other, each to the optimum while the others stay."""
        curvature, vectors = np.linalg.eigh(gram)
        wanted, turned = (vectors.T @ right).T, (vectors.T @ codes).T
        neighbours = np.split(self.links.indices, self.links.indptr[1:-1])
        weights = np.split(self.links.data, self.links.indptr[1:-1])
        for image, degree in enumerate(self.degree):
            pull = a * weights[image] @ turned[neighbours[image]]
            turned[image] = (wanted[image] + pull) / (curvature + g + a * degree)
        return vectors @ turned.T


def no_links(images: int) -> LinkGraph:
    """Return the target's first graph, which has no links."""
    return LinkGraph(csr_array((images, images)))


def matched_across_cameras(codes: Matrix, camera: NDArray[np.int64], floor: float) -> LinkGraph:
    """Link every image with its partner in each other camera, by the cosine of their codes.

    Partners are those of the one-to-one assignment with the highest sum of cosines (Hungarian method).

    Args:
        codes: [K, N].
        camera: [N] int, -1 if unknown: such an image gets no link.
        floor: cosines below it count as 0, and 0 is no link.
    """
    images = codes.shape[1]
    links = csr_array((images, images))
    for one, other in combinations(np.unique(camera[camera >= 0]), 2):
        here, there = np.flatnonzero(camera == one), np.flatnonzero(camera == other)
        similarity = cosines(codes[:, here], codes[:, there])
        similarity[similarity < floor] = 0
        first, second = linear_sum_assignment(similarity, maximize=True)
        found = similarity[first, second]
        links += csr_array((found, (here[first], there[second])), shape=(images, images))
    links.eliminate_zeros()
    return LinkGraph(links + links.T)


def cosines(one: Matrix, other: Matrix) -> Matrix:
    """Return [N, M]: the cosine of every column of `one` with every column of `other`; 0 if one of them is zero."""
    lengths = np.outer(np.linalg.norm(one, axis=0), np.linalg.norm(other, axis=0))
    return one.T @ other / np.where(lengths > 0, lengths, 1)
