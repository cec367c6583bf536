"""Exact nearest neighbours of several probes, faster: candidates by bfloat16, then their similarities in float32."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from simpgan.components.core.training.device import multiplies_bf16
from simpgan.components.search.ranking import BLOCK, highest, nearest

LARGEST = 2**30
"""Bytes of the largest rounded copy. Further features are compared in blocks of their file, in little memory."""

FEWEST = 3
"""Probes that are worth it: for fewer, memory is the limit in float32 and bfloat16 alike."""

SHARE = 2.0**-8
"""Most by which rounding to bfloat16 changes a number, as a share of it."""


class RoundedFeatures:
    """Features of a gallery, with a copy in bfloat16.

    Args:
        features: [N, D] of length 1; may be mapped from a file.
    """

    def __init__(self, features: NDArray[np.float32]) -> None:
        self.features = features
        self.rounded = torch.empty(features.shape, dtype=torch.bfloat16)
        for start in range(0, len(features), BLOCK):
            self.rounded[start : start + BLOCK] = torch.from_numpy(np.array(features[start : start + BLOCK]))

    def nearest(self, probes: NDArray[np.float32], top: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return what `ranking.nearest` returns: similarities are the same to rounding of float32.

        Candidates are the images with the highest similarity in bfloat16. If the last of those that are returned is
        above what any other can have (`most_for`), none is missed; else all images are compared.

        Args:
            probes: [P, D], of length 1.
            top: number of images per probe.
        """
        top = min(top, len(self.features))
        count = min(8 * top + 256, len(self.features))
        with torch.inference_mode():
            rough = functional.linear(torch.from_numpy(probes).bfloat16(), self.rounded).topk(count)
        rows = np.empty((len(probes), top), np.int64)
        similarities = np.empty((len(probes), top), np.float32)
        least = rough.values[:, -1].float().numpy()
        for place, probe in enumerate(probes):
            candidates = np.sort(rough.indices[place].numpy())
            exact = (torch.from_numpy(self.features[candidates]) @ torch.from_numpy(probe)).numpy()
            best = highest(exact, top)
            rows[place], similarities[place] = candidates[best], exact[best]
            if count < len(self.features) and not similarities[place, -1] > most_for(least[place]):
                [rows[place]], [similarities[place]] = nearest(probe[None], self.features, top)
        return rows, similarities


def most_for(rounded: float) -> float:
    """Return the highest similarity that two vectors of length 1 can have, if it is `rounded` or less in bfloat16.

    Rounding their numbers changes the product by at most 2 SHARE (Cauchy and Schwarz), and rounding the product changes
    it by SHARE of itself. The rest is for squares of these and for sums in float32.
    """
    return rounded + SHARE * abs(rounded) + 2 * SHARE + 2.0**-12


def are_worth_rounding(features: NDArray[np.float32]) -> bool:
    """Tell whether this processor multiplies bfloat16 faster, and the copy is small enough."""
    return features.size * 2 <= LARGEST and multiplies_bf16(torch.device("cpu"))
