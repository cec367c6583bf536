"""The similarity above which two images are taken for the same person, from pairs of the source's images."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.search.features import cache_path

SAMPLE = 2000
"""Images of the source that are compared: two million pairs, which take seconds on a CPU."""

RESAMPLES = 200

ANY_CAMERA = -1
"""Stands for the camera of an image whose cameras are not told apart."""


@dataclass(frozen=True)
class Threshold:
    """Images with a higher similarity are accepted.

    Attributes:
        similarity: cosine, -1..1.
        false_accepts: share, 0..1, of the pairs of different people that are accepted.
        low: lower end of the share's 95 % confidence interval (`interval`).
        high: upper end of the interval.
        pairs: number of compared pairs of different people, by different cameras if the data set tells them apart.
        people: number of people in these pairs.
        unseen: whether the classifier was trained without these people. It mistakes people of its training less often.
        data_set: name of the data set of the images.
    """

    similarity: float
    false_accepts: float
    low: float
    high: float
    pairs: int
    people: int
    unseen: bool
    data_set: str

    def __str__(self) -> str:
        whom = "people the classifier has not seen" if self.unseen else "people the classifier was trained on"
        return (
            f"accepted above a similarity of {self.similarity:.3f}, where {self.false_accepts:.2%} of {self.pairs:,} "
            f"pairs of different people of {self.data_set} are accepted ({self.low:.2%} to {self.high:.2%}, "
            f"95 % confidence; {self.people:,} {whom})"
        )


def cached_threshold(made_from: Sequence[str], calibrated: Callable[[], Threshold]) -> Threshold:
    """Return the threshold in the cache; calibrate it first if it is missing.

    Args:
        made_from: everything it depends on: digests, the protocol of the training and the rate.
        calibrated: computes the threshold.
    """
    path = cache_path("thresholds", made_from, "json")
    try:
        return Threshold(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):  # missing or damaged
        made = calibrated()
        storage.write_bytes(str(path), json.dumps(asdict(made)).encode())
        return made


def calibration_images(source: Manifest, protocol: str, seed: int = 0) -> tuple[NDArray[np.int64], bool]:
    """Return the rising rows of images to calibrate on, and whether the classifier was trained without their people.

    Where cameras are told apart, images of an unknown camera are left out: they may be of the same one.

    Args:
        source: manifest of the source.
        protocol: protocol of the source whose training images the classifier was trained on.
        seed: seed of the sample.

    Raises:
        UserError: in no data set have two cameras seen different people; where cameras are not told apart, there are no
            two people.
    """
    images, part, several = source.images, source.part_of_images, of_several_cameras(source)
    labelled = images["person"].notna() & (images["camera"].notna() | ~several)
    trained = images["person"].iloc[source.rows(protocol, 0, "train")]
    unseen = labelled & ~images["person"].isin(trained)
    # An image whose cameras are not told apart is as good as one of two cameras.
    kinds = pd.DataFrame({"person": images["person"], "camera": images["camera"].where(several, images.index)})
    for some, never_seen in ((unseen, True), (labelled, False)):
        counts = kinds[some].groupby(part[some]).nunique()
        with_pairs = counts.index[(counts > 1).all(axis="columns")]
        if len(with_pairs):
            rows = np.flatnonzero((some & part.isin(with_pairs)).to_numpy())
            rows = np.random.default_rng(seed).permutation(rows)[:SAMPLE]
            return np.sort(rows), never_seen
    whom = f"different people{' by different cameras' if several.any() else ''}"
    raise UserError(f"{source.dataset} has no images of {whom}, which a threshold needs")


def compared_by_part(source: Manifest) -> "pd.Series[int]":
    """Return the camera of each image, whose pairs with others of it are left out; <NA> where there is but one camera.

    A joint source may have parts with several cameras and parts with one or none.
    """
    return source.images["camera"].where(of_several_cameras(source))


def of_several_cameras(source: Manifest) -> "pd.Series[bool]":
    """Tell of each image whether the data set that it comes from has several cameras."""
    return source.images.groupby(source.part_of_images)["camera"].transform("nunique") > 1


def calibrate(
    features: NDArray[np.float32],
    person: NDArray[np.int64],
    camera: NDArray[np.int64],
    part: NDArray[np.object_],
    rate: float,
    *,
    unseen: bool,
    data_set: str,
    seed: int = 0,
) -> Threshold:
    """Return the lowest threshold that accepts at most a share `rate` of the pairs of different people.

    Args:
        features: [N, D] of length 1.
        person: [N], people on the images.
        camera: [N], cameras of the images; pairs of one camera are left out, unless it is `ANY_CAMERA`.
        part: [N], data sets of the images; pairs of two are left out, since their people are told apart too easily.
        rate: 0..1.
        unseen: whether the classifier was trained without these people.
        data_set: name of the data set.
        seed: seed of the interval's draws.
    """
    first, second = np.triu_indices(len(features), 1)
    other_camera = (camera[first] != camera[second]) | (camera[first] == ANY_CAMERA)
    different = (person[first] != person[second]) & other_camera & (part[first] == part[second])
    first, second = first[different], second[different]
    similarities = (features @ features.T)[first, second]
    allowed = int(rate * len(similarities))
    place = len(similarities) - 1 - min(allowed, len(similarities) - 1)
    threshold = np.partition(similarities, place)[place]
    accepted = similarities > threshold
    people, index = np.unique(person, return_inverse=True)
    low, high = interval(index[first], index[second], accepted, len(people), seed)
    return Threshold(
        float(threshold), float(accepted.mean()), low, high, len(similarities), len(people), unseen, data_set
    )


def interval(
    first: NDArray[np.int64], second: NDArray[np.int64], accepted: NDArray[np.bool_], people: int, seed: int
) -> tuple[float, float]:
    """Return the middle 95 % of the share of accepted pairs over draws of the people.

    People are drawn since pairs of one person are alike. The interval is never narrower than that of independent pairs
    (Clopper and Pearson): if no pair at all is accepted, every draw gives 0, however few pairs there are.

    Args:
        first: [pairs], person on the first image of a pair, 0..people - 1.
        second: [pairs], person on the second image.
        accepted: [pairs].
        people: number of people.
        seed: seed of the draws.
    """
    shape = (people, people)
    flat = np.ravel_multi_index((first, second), shape)
    pairs = np.bincount(flat, minlength=people**2).reshape(shape)
    wrong = np.bincount(flat, weights=accepted, minlength=people**2).reshape(shape)
    draws = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=RESAMPLES)
    totals = np.einsum("bi,ij,bj->b", draws, pairs, draws, optimize=True)
    shares = np.einsum("bi,ij,bj->b", draws, wrong, draws, optimize=True)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(shares, [0.025, 0.975])
    lowest, highest = clopper_pearson(int(accepted.sum()), len(accepted))
    return min(float(low), lowest), max(float(high), highest)


def clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share of independent trials (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv  # scipy.stats has the interval, but takes a second to import

    low = betaincinv(successes, trials - successes + 1, 0.025) if successes else 0.0
    high = betaincinv(successes + 1, trials - successes, 0.975) if successes < trials else 1.0
    return float(low), float(high)
