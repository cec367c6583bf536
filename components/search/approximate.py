"""A faster search of a stored gallery: faiss proposes candidates, whose similarities are then computed exactly.

    faiss/<digest of the gallery>.index    cells of similar features, and each feature in a few bits
    faiss/<digest of the gallery>.json     how much it finds of what comparing everything finds

Some of the nearest images may be missing, never an image with a wrong similarity.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simpgan.components.core import storage
from simpgan.components.core.damaged_files import named_damage, read_json
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.progress import Progress
from simpgan.components.core.settings import Settings
from simpgan.components.search.gallery import Gallery
from simpgan.components.search.ranking import BLOCK, highest, nearest
from simpgan.components.search.stored_gallery import StoredGallery

PROBES = 200
"""Images of the gallery that are searched to measure the recall."""

TOP = 20
"""Most nearest images per probe for which the recall is measured. Searches for more are exact."""

CANDIDATES = 20 * (TOP + 1)
"""Images per probe that an index proposes, however few are asked for: in a few bits, places are known only roughly."""

PER_CELL = 40
"""Images per cell that the cells are computed from; faiss asks for 39."""

CODES = "RaBitQ"
"""How a feature is kept in few bits, by faiss's name."""

TIMED_EXACTLY = 5
"""Probes whose exact search is timed."""

TOLERANCE = 1e-6
"""Difference below which two similarities are equal: products are summed in other orders."""

REMEDY = "make it again with simpgan gallery --faiss"


class Measured(Settings):
    """What a number of cells finds."""

    cells: int = Field(ge=1, description="Cells that are searched for a probe.")
    recall: float = Field(
        ge=0, le=1, description="Share of the nearest images that are found: of one, of two or of more, the lowest."
    )
    seconds: float = Field(ge=0, description="Seconds per probe, one probe at a time.")


class FaissDescription(Settings):
    """The content of the JSON beside an index."""

    factory: str = Field(description="faiss's name for the kind of index.")
    faiss: str = Field(description="Version of faiss.")
    wanted: float = Field(gt=0, le=1, description="Recall that was asked for.")
    probes: int = Field(ge=1, description="Images of the gallery that were searched for, without themselves.")
    top: int = Field(ge=1, description="Most nearest images per probe that were compared. The index finds no more.")
    exact_seconds: float = Field(ge=0, description="Seconds per probe of the exact search, one probe at a time.")
    measured: list[Measured] = Field(min_length=1, description="By rising number of cells; the last one is used.")

    @property
    def used(self) -> Measured:
        """Return what is used: the fewest cells that find what was wanted, or all cells."""
        return self.measured[-1]


@dataclass(frozen=True, eq=False)
class FaissIndex:
    """An index of a stored gallery.

    Attributes:
        index: faiss's index.
        description: what it is and what it finds.
    """

    index: Any
    description: FaissDescription

    @classmethod
    def open(cls, gallery: Gallery) -> Self:
        """Read the index beside a stored gallery, into memory.

        Raises:
            UserError: the gallery is none that was stored, it has no index, or the index is damaged.
        """
        faiss = import_faiss()
        if not isinstance(gallery, StoredGallery):
            raise UserError("--faiss searches stored galleries only: store this one with simpgan gallery --faiss")
        place = index_location(gallery)
        if not storage.exists(f"{place}.json"):
            raise UserError(f"the gallery '{gallery.location}' has no index of faiss: {REMEDY}")
        said = read_json(f"{place}.json", REMEDY)
        with named_damage(f"{place}.json", REMEDY):
            description = FaissDescription.model_validate(said)
        path = storage.local_copy(f"{place}.index")
        with named_damage(path, REMEDY):
            index = faiss.read_index(str(path))
            if (index.ntotal, index.d) != (len(gallery), gallery.description.dimensions):
                raise ValueError("it is of another gallery")
            index.nprobe = description.used.cells
        return cls(index, description)

    def nearest(
        self, probes: NDArray[np.float32], features: NDArray[np.float32], top: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return what `ranking.nearest` returns, from the candidates alone; some of the nearest may be missing.

        The recall is measured for up to `description.top` images. If more are wanted, all images are compared.

        Args:
            probes: [P, D], of length 1.
            features: [N, D], features of the gallery.
            top: number of images per probe.
        """
        if top > self.description.top:
            return nearest(probes, features, top)
        return nearest_candidates(self.index, probes, features, top)


def build_index(gallery: StoredGallery, wanted: float) -> FaissIndex:
    """Make an index of a stored gallery, measure what it finds, and write it beside the gallery.

    Args:
        gallery: the gallery.
        wanted: recall to reach, 0..1, by searching more cells.

    Raises:
        UserError: the gallery has one image, faiss is not installed, or the gallery's place cannot be written.
    """
    refuse_single_image(gallery.dataset, len(gallery))
    faiss = import_faiss()
    features = gallery.features
    cells = 2 ** round(math.log2(math.sqrt(len(features))))
    factory = f"IVF{cells},{CODES}"
    index = faiss.index_factory(features.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # a small gallery has no more, of which faiss would warn
    index.train(features[some_rows(len(features), PER_CELL * cells)])
    with Progress(f"index {gallery.dataset}", len(features), "image") as bar:
        for start in range(0, len(features), BLOCK):
            block = np.array(features[start : start + BLOCK])
            index.add(block)
            bar.update(len(block))
    probes = some_rows(len(features), PROBES)
    exact_seconds, measured = measure(index, features, probes, wanted)
    description = FaissDescription(
        factory=factory,
        faiss=faiss.__version__,
        wanted=wanted,
        probes=len(probes),
        top=min(TOP, len(features) - 1),
        exact_seconds=exact_seconds,
        measured=measured,
    )
    place = index_location(gallery)
    storage.write_bytes(f"{place}.index", faiss.serialize_index(index).data)
    storage.write_bytes(f"{place}.json", (json.dumps(description.model_dump(), indent=2) + "\n").encode())
    return FaissIndex(index, description)


def refuse_single_image(dataset: str, images: int) -> None:
    """Raise UserError for a gallery of one image: nothing is left to find when that is searched for."""
    if images == 1:
        raise UserError(f"{dataset} has one image, and an index of faiss needs two: leave out --faiss")


def measure(
    index: Any, features: NDArray[np.float32], rows: NDArray[np.int64], wanted: float
) -> tuple[float, list[Measured]]:
    """Search twice as many cells again and again, until the recall is as wanted or all cells are searched.

    An image that is found counts if the exact search finds none more similar in its place, so that equals do not
    depend on their order.

    Args:
        index: faiss's index; it goes on to search as many cells as the last number measured.
        features: [N, D].
        rows: rows whose images are searched for, each without itself.
        wanted: recall to reach.

    Returns:
        seconds per probe of the exact search, and what was measured.
    """
    top = min(TOP, len(features) - 1)
    probes = np.array(features[rows])
    expected = without_itself(rows, *nearest(probes, features, top + 1))
    exact_seconds = seconds_per_probe(lambda probe: nearest(probe, features, top), probes[:TIMED_EXACTLY])
    measured: list[Measured] = []
    cells = 1
    while not measured or (measured[-1].recall < wanted and cells < index.nlist):
        cells = min(2 * cells, index.nlist) if measured else 1
        index.nprobe = cells
        found = without_itself(rows, *nearest_candidates(index, probes, features, top + 1))
        recall = lowest_recall(found, expected)
        seconds = seconds_per_probe(lambda probe: nearest_candidates(index, probe, features, top), probes)
        measured.append(Measured(cells=cells, recall=recall, seconds=seconds))
    return exact_seconds, measured


def lowest_recall(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the share of the nearest images that are found: the lowest of those for 1, 2, ..., `top` images.

    Args:
        found: [P, top], falling similarities of what was found for each probe.
        expected: [P, top], those of the exact search.
    """
    counts = range(1, expected.shape[1] + 1)
    return min(float((found[:, :count] >= expected[:, count - 1, None] - TOLERANCE).mean()) for count in counts)


def without_itself(
    rows: NDArray[np.int64], found: NDArray[np.int64], similarities: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the similarities [P, top] of what was found for each of `rows`, without that row itself.

    Args:
        rows: [P].
        found: [P, top + 1], rows in falling order of similarity.
        similarities: [P, top + 1].
    """
    itself = found == rows[:, None]
    itself[~itself.any(axis=1), -1] = True
    return similarities[~itself].reshape(len(rows), -1)


def nearest_candidates(
    index: Any, probes: NDArray[np.float32], features: NDArray[np.float32], top: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the most similar of the images that an index proposes; see `FaissIndex.nearest`."""
    top = min(top, len(features))
    rows = np.empty((len(probes), top), np.int64)
    similarities = np.empty((len(probes), top), np.float32)
    _, proposed = index.search(np.ascontiguousarray(probes), min(CANDIDATES, len(features)))
    for place, probe in enumerate(probes):
        candidates = np.sort(proposed[place][proposed[place] >= 0])
        if len(candidates) < top:  # too few images in these cells
            [rows[place]], [similarities[place]] = nearest(probe[None], features, top)
            continue
        exact = features[candidates] @ probe
        best = highest(exact, top)
        rows[place], similarities[place] = candidates[best], exact[best]
    return rows, similarities


def seconds_per_probe(search: Callable[[NDArray[np.float32]], object], probes: NDArray[np.float32]) -> float:
    """Return the median time of searching one probe at a time."""
    seconds = []
    for probe in probes:
        started = time.perf_counter()
        search(probe[None])
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def some_rows(count: int, wanted: int) -> NDArray[np.int64]:
    """Return some rising rows of `count`, the same every time; all of them if there are no more than `wanted`."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, wanted), replace=False))


def index_location(gallery: StoredGallery) -> str:
    """Return the place of a gallery's index, without the ends of its two files."""
    return storage.join(gallery.location, "faiss", gallery.digest)


def import_faiss() -> Any:
    """Import faiss.

    Raises:
        UserError: it is not installed.
    """
    try:
        import faiss
    except ImportError:
        raise UserError("faiss is not installed: pip install 'simpgan[faiss]'") from None
    return faiss
