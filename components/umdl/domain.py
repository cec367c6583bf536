"""One data set, approximated by a sequence of dictionaries, each of which explains what earlier ones leave over.

On a source these are D (shared by all data sets) and R (residual), on the target D, U (its own) and R. The objective of
a data set is

    sum_t weights[t] |X - P_1 Z_1 - ... - P_t Z_t|^2 + a tr(Z L Z') + g (|Z|^2 + |Z_last|^2),

where Z stacks all codes but the last ones, those of the residual. Multiplied out, dictionaries p and q meet in the
terms from max(p, q) on. So every update needs only products of dictionaries, codes and images, and sums of those
weights.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simpgan.components.umdl.dictionaries import best_dictionary
from simpgan.components.umdl.graphs import Graph, Matrix


class Domain:
    """Images, their graph, their dictionaries and their codes.

    Args:
        images: X [F, N], float32 or float64: the precision of products with it.
        graph: links images whose codes should be alike.
        dictionaries: [F, K] each, in their order.
        weights: weights of the terms, one per dictionary.
        a: weight of the graph.
        g: weight of the codes' squares.
    """

    def __init__(
        self,
        images: NDArray,
        graph: Graph,
        dictionaries: Sequence[Matrix],
        weights: Sequence[float],
        a: float,
        g: float,
    ) -> None:
        self.images, self.graph, self.a, self.g = images, graph, a, g
        self.dictionaries = list(dictionaries)
        self.weights = np.asarray(weights, dtype=np.float64)
        self.codes = [np.zeros((dictionary.shape[1], images.shape[1])) for dictionary in dictionaries]
        self.images_by_codes = [np.zeros_like(dictionary) for dictionary in dictionaries]
        self.images_squared = float(np.einsum("fn,fn->n", images, images).sum(dtype=np.float64))

    @property
    def stacked_codes(self) -> Matrix:
        """Z: all codes but those of the residual."""
        return np.concatenate(self.codes[:-1])

    def initialise_codes(self) -> None:
        """Compute the first codes: the plain fit without the residual, which is the last term but one."""
        weights = np.zeros_like(self.weights)
        weights[-2] = 1
        self.solve_codes(range(len(self.codes) - 1), weights)

    def update_codes(self) -> None:
        """Update Z, with the graph."""
        self.solve_codes(range(len(self.codes) - 1), self.weights)

    def update_residual_codes(self) -> None:
        """Update the last codes: ridge regression on what the other dictionaries leave over."""
        last = len(self.codes) - 1
        gram, right = self.normal_equations([last], self.weights)
        self.replace_codes(last, np.linalg.solve(gram + self.g * np.eye(len(gram)), right))

    def solve_codes(self, parts: Sequence[int], weights: NDArray[np.float64]) -> None:
        """Solve for the codes of `parts` together, with the graph, for any weights of the terms."""
        gram, right = self.normal_equations(parts, weights)
        codes = self.graph.smooth(gram, right, np.concatenate([self.codes[part] for part in parts]), self.a, self.g)
        for part, of_part in zip(parts, codes.reshape(len(parts), -1, codes.shape[1]), strict=True):
            self.replace_codes(part, of_part)

    def normal_equations(self, parts: Sequence[int], weights: NDArray[np.float64]) -> tuple[Matrix, Matrix]:
        """Return P'P and P'x of the codes of `parts` [K, N], with the other codes and all dictionaries fixed."""
        shared = joint_weights(weights)
        others = [part for part in range(len(self.codes)) if part not in parts]
        gram = np.block([[shared[p, q] * self.atom_products(p, q) for q in parts] for p in parts])
        right = []
        for p in parts:
            of_images = self.dictionaries[p].T.astype(self.images.dtype) @ self.images
            explained = sum((shared[p, q] * self.atom_products(p, q) @ self.codes[q] for q in others), np.float64(0))
            right.append(shared[p, p] * of_images.astype(np.float64) - explained)
        return gram, np.concatenate(right)

    def atom_products(self, p: int, q: int) -> Matrix:
        """Return the products [K, K] of the atoms of dictionary p with those of q."""
        return self.dictionaries[p].T @ self.dictionaries[q]

    def replace_codes(self, part: int, codes: NDArray) -> None:
        """Replace the codes of one dictionary."""
        self.codes[part] = codes
        self.images_by_codes[part] = (self.images @ codes.T.astype(self.images.dtype)).astype(np.float64)

    def dictionary_equations(self, part: int) -> tuple[Matrix, Matrix]:
        """Return S S' [K, K] and X S' [F, K] of one dictionary, with the others and all codes fixed."""
        shared = joint_weights(self.weights)[part]
        left = shared[part] * self.images_by_codes[part]
        for other, dictionary in enumerate(self.dictionaries):
            if other != part:
                left = left - shared[other] * dictionary @ (self.codes[other] @ self.codes[part].T)
        return shared[part] * self.codes[part] @ self.codes[part].T, left

    def update_dictionary(self, part: int) -> None:
        """Update a dictionary that belongs to this data set alone."""
        self.dictionaries[part] = best_dictionary(*self.dictionary_equations(part))

    def objective(self) -> float:
        """Return the value of the data set's objective."""
        shared = joint_weights(self.weights)
        parts = range(len(self.codes))
        fit = shared[0, 0] * self.images_squared
        for p in parts:
            fit -= 2 * shared[p, p] * float((self.dictionaries[p] * self.images_by_codes[p]).sum())
            for q in parts:
                fit += shared[p, q] * float((self.atom_products(p, q) * (self.codes[p] @ self.codes[q].T)).sum())
        squares = sum(float((codes**2).sum()) for codes in self.codes)
        return fit + self.a * self.graph.energy(self.stacked_codes) + self.g * squares


def joint_weights(weights: NDArray[np.float64]) -> Matrix:
    """Return [P, P]: the sum of the weights of the terms that contain both dictionaries."""
    from_here = np.cumsum(weights[::-1])[::-1]
    place = np.arange(len(weights))
    return from_here[np.maximum.outer(place, place)]


def ridge_codes(dictionaries: Sequence[Matrix], images: NDArray, ridge: float) -> Matrix:
    """Return ridge codes [K, N] of images on the joined dictionaries, without those of the last dictionary.

    Args:
        dictionaries: [F, K] each.
        images: [F, N].
        ridge: weight of the codes' squares.
    """
    joined = np.concatenate(dictionaries, axis=1)
    right = (joined.T.astype(images.dtype) @ images).astype(np.float64)
    codes = np.linalg.solve(joined.T @ joined + ridge * np.eye(joined.shape[1]), right)
    return codes[: -dictionaries[-1].shape[1]]
