"""CMC curves of several runs over the same probes, with confidence bands for the curves and their differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LAST_RANK = 50
CONFIDENCE = 0.95
RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Tally:
    """The results of every probe in one run, summed over folds and seeds.

    A probe that occurs in several folds is one probe: its results are not independent.

    Attributes:
        found: [N, LAST_RANK], how often the probe's person was among the first 1, 2, ... gallery images.
        precision: [N], sum of its average precisions, 0..1 each.
        asked: [N], how often the probe was searched and had a correct match.
    """

    found: NDArray[np.float64]
    precision: NDArray[np.float64]
    asked: NDArray[np.float64]

    @classmethod
    def of(cls, probes: pd.DataFrame, names: Sequence[str]) -> "Tally":
        """Sum `probes`, with the columns of `probes.COLUMNS`, in the order of `names` [N]."""
        counted = probes[probes["first_rank"] > 0]
        place = pd.Index(names).get_indexer(pd.Index(counted["probe"]))
        found = np.zeros((len(names), LAST_RANK + 1))
        np.add.at(found, (place, np.minimum(counted["first_rank"].to_numpy(), LAST_RANK + 1) - 1), 1)
        weights = counted["average_precision"].to_numpy()
        return cls(
            found=found[:, :LAST_RANK].cumsum(axis=1),
            precision=np.bincount(place, weights, len(names)).astype(float),
            asked=np.bincount(place, minlength=len(names)).astype(float),
        )

    @property
    def rates(self) -> NDArray[np.float64]:
        """Return the values to average, [N, LAST_RANK + 1]: hits at each rank, and average precision last."""
        return np.column_stack([self.found, self.precision])

    @property
    def means(self) -> NDArray[np.float64]:
        """Return the means in percent, [LAST_RANK + 1]: the CMC curve, and mAP last."""
        return 100 * self.rates.sum(axis=0) / self.asked.sum()


@dataclass(frozen=True, eq=False)
class Band:
    """Means [LAST_RANK + 1] in percent, the CMC curve and mAP last, with the ends of their 95 % intervals."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class Draws:
    """Probes drawn with replacement, the same ones for every run, so that differences can be drawn too."""

    def __init__(self, tallies: Mapping[str, Tally], seed: int = 0, resamples: int = RESAMPLES) -> None:
        """Draw for runs that have the same probes in the same order."""
        self._tallies = tallies
        count = len(next(iter(tallies.values())).asked)
        weights = (
            np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples).astype(float)
        )
        self._drawn = {
            name: 100 * (weights @ tally.rates) / np.maximum(weights @ tally.asked, 1)[:, None]
            for name, tally in tallies.items()
        }

    def band(self, name: str) -> Band:
        """Return the band of a run's own curve."""
        return _band(self._tallies[name].means, self._drawn[name])

    def difference(self, name: str, other: str) -> Band:
        """Return the band of a run's curve minus that of another, in points."""
        means = self._tallies[name].means - self._tallies[other].means
        return _band(means, self._drawn[name] - self._drawn[other])


def _band(mean: NDArray[np.float64], drawn: NDArray[np.float64]) -> Band:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail], axis=0)
    return Band(mean, low, high)
