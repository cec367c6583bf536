"""The best dictionary for given codes, by its Lagrange dual (Lee et al., NIPS 2006)."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Matrix = NDArray[np.float64]

STEPS = 100
LENGTHS = 0.5 ** np.arange(20)
ACCURACY = 1e-9
"""Deviation of an atom's squared length from 1 at which the multipliers are accurate enough."""
DAMPING = 1e-8
"""Share of a matrix's mean diagonal that is added to it, so that unused atoms do not stop the solver."""


def best_dictionary(codes_by_codes: Matrix, images_by_codes: Matrix) -> Matrix:
    """Return the dictionary D [F, K] with atoms no longer than 1 that minimises |X - D S|^2.

    It is D = X S' (S S' + diag(l))^-1, where the multipliers l >= 0 maximise the dual function

        -tr((S S' + diag(l))^-1 S X' X S') - sum(l).

    Args:
        codes_by_codes: S S' [K, K].
        images_by_codes: X S' [F, K].
    """
    power = codes_by_codes + damping(codes_by_codes)
    multipliers = best_multipliers(power, images_by_codes.T @ images_by_codes)
    factor = cho_factor(power + np.diag(multipliers))
    atoms = cho_solve(factor, images_by_codes.T).T
    return atoms / np.maximum(1, np.linalg.norm(atoms, axis=0))


def best_multipliers(power: Matrix, products: Matrix) -> NDArray[np.float64]:
    """Return the multipliers [K] of the dual, by Newton steps on the free ones, projected to l >= 0.

    Args:
        power: S S' [K, K], positive definite.
        products: S X' X S' [K, K].
    """
    # For uncorrelated codes this is the solution.
    multipliers = np.maximum(0, np.sqrt(np.diag(products)) - np.diag(power))
    value, slope, curvature = dual(power, products, multipliers)
    for _ in range(STEPS):
        free = (multipliers > 0) | (slope < 0)
        if not free.any() or np.abs(slope[free]).max() < ACCURACY:
            break
        step = np.zeros_like(slope)
        step[free] = newton_step(slope[free], curvature[np.ix_(free, free)])
        for length in LENGTHS:
            tried = np.maximum(0, multipliers - length * step)
            tried_value, tried_slope, tried_curvature = dual(power, products, tried)
            if tried_value < value:
                break
        else:
            break  # only rounding is left
        multipliers, value, slope, curvature = tried, tried_value, tried_slope, tried_curvature
    return multipliers


def newton_step(slope: NDArray[np.float64], curvature: Matrix) -> NDArray[np.float64]:
    """Solve curvature step = slope for numbers of very different size."""
    scale = 1 / np.sqrt(np.maximum(np.diag(curvature), np.finfo(np.float64).tiny))
    scaled = scale[:, None] * curvature * scale
    return scale * np.linalg.solve(scaled + damping(scaled), scale * slope)


def dual(power: Matrix, products: Matrix, multipliers: NDArray[np.float64]) -> tuple[float, NDArray, Matrix]:
    """Return value, slope [K] and curvature [K, K] of the dual function with changed sign, which is convex.

    The slope is 1 minus the squared length of each atom.
    """
    inverse = cho_solve(cho_factor(power + np.diag(multipliers)), np.eye(len(power)))
    atoms_by_atoms = inverse @ products @ inverse
    value = float((inverse * products).sum() + multipliers.sum())
    return value, 1 - np.diag(atoms_by_atoms), 2 * inverse * atoms_by_atoms


def damping(matrix: Matrix) -> Matrix:
    """Return the matrix that makes a positive semidefinite `matrix` definite when it is added."""
    return DAMPING * np.trace(matrix) / len(matrix) * np.eye(len(matrix))
