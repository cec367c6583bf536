"""Retrieval metrics: CMC, mean average precision and mean inverse negative penalty.

A rank is one more than the number of images in front, so only the few correct matches of a probe's list are sorted: the
wrong images in front of each are counted. Probes are taken in blocks, and only one block's similarities to the gallery
exist at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.rows import CUTOFFS

UNKNOWN = -1
"""Person of a distractor or an unlabelled image; unrecorded camera. It equals nothing, not even itself."""

TIE = 1e-6
"""Similarities closer than this are tied: the float32 dot products of equal unit vectors differ by less."""

BLOCK_VALUES = 2**22
"""Similarities in memory at a time: 16 MiB, which stay close to the processor's cache."""

COUNTED_MATCHES = 64
"""Up to this number of matches, comparing each with the whole list is faster than binary searches."""


@dataclass(frozen=True)
class RankingResult:
    """How well a gallery was ranked. All rates are 0..1, means over the valid probes.

    Attributes:
        cmc: [max_rank] float64; `cmc[k - 1]` is the share of probes with a correct match among the first k.
        mean_average_precision: step-wise, as in most toolkits: mean of the precisions at the correct matches.
        mean_average_precision_trapezoidal: area under the precision-recall curve joined by straight lines, as in
            Market-1501's own evaluation; 0.5 to 1 point lower.
        mean_inverse_negative_penalty: number of matches over the rank of the hardest (Ye et al., TPAMI 2021).
        first_rank: [Q] int64, rank of each probe's first correct match from 1; 0 for a probe left out.
        average_precision: [Q] float64, step-wise; NaN for a probe left out.
        valid: number of probes with a correct match in the gallery; the others are left out of every mean.
        excluded: number of probes left out.
        gallery: number of gallery images.
    """

    cmc: NDArray[np.float64]
    mean_average_precision: float
    mean_average_precision_trapezoidal: float
    mean_inverse_negative_penalty: float
    first_rank: NDArray[np.int64]
    average_precision: NDArray[np.float64]
    valid: int
    excluded: int
    gallery: int

    def rates(self) -> dict[str, float]:
        """Return the rates in percent by the names of `METRICS`."""
        return {
            **{name: 100 * self.cmc[cutoff - 1] for name, cutoff in CUTOFFS.items()},
            "mAP": 100 * self.mean_average_precision,
            "mAP-trapezoidal": 100 * self.mean_average_precision_trapezoidal,
            "mINP": 100 * self.mean_inverse_negative_penalty,
        }


class Gallery:
    """Gallery images, which finds the correct matches and the ignored images of a probe.

    Args:
        features: [G, D] float32, L2-normalised.
        person: [G] int, `UNKNOWN` for a distractor.
        camera: [G] int, `UNKNOWN` if not recorded.
    """

    def __init__(self, features: ArrayLike, person: ArrayLike, camera: ArrayLike) -> None:
        self.features = validated(features, "gallery")
        self.person, self.camera = np.asarray(person), np.asarray(camera)
        if not len(self.features) == len(self.person) == len(self.camera):
            raise ValueError(f"gallery: {len(self.features)} features for {len(self.person)} persons")
        self._by_person = np.argsort(self.person, kind="stable")
        self._sorted_person = self.person[self._by_person]

    def of_person(self, person: int, camera: int, own: int = -1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the indices of the images of `person`: correct matches, and those which are ignored.

        Images of `camera` are ignored, and so is the probe itself, if it is in the gallery at the index `own`.
        """
        if person == UNKNOWN:
            return self._by_person[:0], self._by_person[:0]
        start, end = np.searchsorted(self._sorted_person, [person, person + 1])
        images = self._by_person[start:end]
        ignored = ((self.camera[images] == camera) & (camera != UNKNOWN)) | (images == own)
        return images[~ignored], images[ignored]


def rank(
    query: ArrayLike,
    gallery: ArrayLike,
    *,
    query_person: ArrayLike,
    gallery_person: ArrayLike,
    query_camera: ArrayLike,
    gallery_camera: ArrayLike,
    own: ArrayLike | None = None,
    addend: sparse.csr_array | None = None,
    max_rank: int = 50,
) -> RankingResult:
    """Rank the gallery for every probe by the dot product of features, and score the ranking.

    Gallery images of the probe's person taken by the probe's own camera are ignored, and so is the probe itself. A
    wrong image tied with a correct match (closer than `TIE`) counts as in front of it. So a result never depends on the
    order of files, and features that are all alike score no lucky hit.

    Args:
        query: [Q, D] float32, L2-normalised; numpy or a torch tensor on the CPU.
        gallery: [G, D] float32, L2-normalised.
        query_person: [Q] int person ids, `UNKNOWN` (-1) for none.
        gallery_person: [G] int person ids, `UNKNOWN` (-1) for a distractor.
        query_camera: [Q] int camera ids, `UNKNOWN` (-1) if not recorded.
        gallery_camera: [G] int camera ids, `UNKNOWN` (-1) if not recorded.
        own: [Q] int, index of each probe's image in the gallery; -1 if it is not there. None: no probe's is.
        addend: [Q, G] float32, added to the dot products; None: nothing is.
        max_rank: length of the CMC curve. With fewer gallery images it stays at its last value.

    Raises:
        UserError: a feature is not a finite number, or no probe has a correct match.
    """
    probes = validated(query, "query")
    persons, cameras = np.asarray(query_person), np.asarray(query_camera)
    if not len(probes) == len(persons) == len(cameras):
        raise ValueError(f"query: {len(probes)} features for {len(persons)} persons")
    images = Gallery(gallery, gallery_person, gallery_camera)
    itself = np.full(len(probes), -1) if own is None else np.asarray(own)

    first_rank = np.zeros(len(probes), dtype=np.int64)
    stepwise, trapezoidal, inverse_penalty = np.full((3, len(probes)), np.nan)
    for probe, similarity in similarities(probes, images.features, addend):
        correct, ignored = images.of_person(persons[probe], cameras[probe], itself[probe])
        if not len(correct):
            continue
        ranks = ranks_of(correct, ignored, similarity)
        found = np.arange(1, len(ranks) + 1)
        precision = found / ranks
        precision_before = np.where(ranks > 1, (found - 1) / np.maximum(ranks - 1, 1), 1.0)
        first_rank[probe] = ranks[0]
        stepwise[probe] = precision.mean()
        trapezoidal[probe] = (precision_before + precision).mean() / 2
        inverse_penalty[probe] = precision[-1]

    valid = first_rank > 0
    if not valid.any():
        raise UserError(
            f"none of the {len(probes)} probes has a correct match in {len(images.features)} gallery images: "
            "check the person and camera ids of the manifest"
        )
    return RankingResult(
        cmc=(first_rank[valid, None] <= np.arange(1, max_rank + 1)).mean(axis=0),
        mean_average_precision=float(stepwise[valid].mean()),
        mean_average_precision_trapezoidal=float(trapezoidal[valid].mean()),
        mean_inverse_negative_penalty=float(inverse_penalty[valid].mean()),
        first_rank=first_rank,
        average_precision=stepwise,
        valid=int(valid.sum()),
        excluded=int((~valid).sum()),
        gallery=len(images.features),
    )


def ranked_list(
    probe: ArrayLike, person: int, camera: int, gallery: Gallery, *, own: int = -1, length: int = 10
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the head of one probe's list: gallery indices, and whether each is correct.

    Args:
        probe: [D] float32, L2-normalised.
        person: the probe's person id.
        camera: the probe's camera id.
        gallery: gallery to rank.
        own: index of the probe's image in the gallery, which is ignored; -1 if it is not there.
        length: number of images; fewer come back from a smaller gallery.
    """
    similarity = gallery.features @ np.asarray(probe, dtype=np.float32)
    correct, ignored = gallery.of_person(person, camera, own)
    similarity[correct] -= np.float32(TIE)
    kept = np.setdiff1d(np.arange(len(similarity)), ignored)
    head = kept[np.argsort(-similarity[kept], kind="stable")[:length]]
    return head, np.isin(head, correct)


def ranks_of(
    correct: NDArray[np.int64], ignored: NDArray[np.int64], similarity: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the rising ranks, from 1, of the `correct` images in a list.

    Args:
        correct: [M] indices of correct matches.
        ignored: indices of images that are left out of the list.
        similarity: [G], is overwritten.
    """
    matches = np.sort(similarity[correct])[::-1]
    similarity[correct] = -np.inf
    similarity[ignored] = -np.inf
    in_front = wrong_in_front(matches - np.float32(TIE), similarity)
    return in_front + np.arange(1, len(matches) + 1)


def wrong_in_front(thresholds: NDArray[np.float32], similarity: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return for each of the falling `thresholds` how many values of `similarity` reach it."""
    if len(thresholds) <= COUNTED_MATCHES:
        return np.array([np.count_nonzero(similarity >= threshold) for threshold in thresholds])
    below = np.searchsorted(thresholds[::-1], similarity, side="right")
    reached = np.bincount(below, minlength=len(thresholds) + 1)[:0:-1]
    return np.cumsum(reached)


def similarities(
    probes: NDArray[np.float32], gallery: NDArray[np.float32], addend: sparse.csr_array | None = None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield each probe's index and its similarities [G], computed one block of probes at a time.

    They are dot products with the gallery, plus `addend` [Q, G].
    """
    block = max(32, BLOCK_VALUES // max(1, len(gallery)))
    for start in range(0, len(probes), block):
        products = probes[start : start + block] @ gallery.T
        if addend is not None:
            products += addend[start : start + block].toarray()
        yield from enumerate(products, start)


def validated(features: ArrayLike, role: str) -> NDArray[np.float32]:
    """Return features as [N, D] float32.

    Raises:
        UserError: one of them is not a finite number.
    """
    array = np.asarray(features, dtype=np.float32)
    if array.ndim != 2:
        raise ValueError(f"{role} features have shape {array.shape}, not [N, D]")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise UserError(
            f"{np.count_nonzero(~finite)} of {len(array)} {role} features are not finite numbers: "
            "the classifier's training diverged, lower its learning rate"
        )
    return array
