"""The computation of a batch of searches."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simpgan.components.core.data.decoding import TooLarge, Unreadable, decode_image
from simpgan.components.core.data.image_tensors import resize_image
from simpgan.components.search.serve.answers import Answer, Found
from simpgan.components.search.serve.features import features_of_pictures, threads_of_worker
from simpgan.components.search.serve.galleries import Galleries
from simpgan.components.search.serve.refusals import Refusal

MOST = 64
"""Images that are computed together at most."""


@dataclass(frozen=True, eq=False)
class Probe:
    """An image to search for.

    Attributes:
        picture: uint8 [3, H, W] in the model's size.
        camera: a known camera; None: unknown.
        top: number of images to return.
    """

    picture: NDArray[np.uint8]
    camera: str | None
    top: int


def decode_probe(content: bytes, size: tuple[int, int], max_pixels: int) -> NDArray[np.uint8]:
    """Decode an image to uint8 [3, height, width].

    Raises:
        Refusal: it is no image, damaged, or has more than `max_pixels` pixels.
    """
    try:
        return resize_image(decode_image(content, max_pixels=max_pixels), *size)
    except TooLarge as reason:
        raise Refusal(413, f"the image has {reason}: send a smaller one") from None
    except Unreadable as reason:
        raise Refusal(400, f"this is no image that can be read: {reason}") from None


def search(galleries: Galleries, probes: Sequence[Probe]) -> list[Answer]:
    """Search the gallery in use for up to `MOST` probes together."""
    gallery = galleries.current
    assert gallery is not None, "searches come when a gallery is loaded"
    searcher = gallery.searcher
    galleries.metrics.batch.observe(len(probes))
    pictures = np.stack([probe.picture for probe in probes])
    top = max(probe.top for probe in probes)
    with threads_of_worker(searcher.adaptation):
        features = features_of_pictures(searcher.adaptation, pictures, [probe.camera for probe in probes])
        found = searcher.found([str(place) for place in range(len(probes))], features, top, gallery.nearest)
    rows = found.itertuples(index=False)
    threshold, precision = searcher.threshold.similarity, searcher.adaptation.looking.precision
    return [
        Answer(
            gallery=searcher.gallery.dataset,
            images=len(gallery),
            threshold=threshold,
            precision=precision,
            found=[as_json(row, gallery.digest) for row in of_probe[: probe.top]],
        )
        for probe in probes
        for of_probe in [list(islice(rows, len(found) // len(probes)))]
    ]


def as_json(row: Any, digest: str) -> Found:
    """Return a row of `Searcher.found` as it is answered."""
    return Found(
        rank=row.rank,
        name=row.image,
        person=known(row.person),
        camera=known(row.camera),
        score=row.similarity,
        accepted=row.accepted,
        crop=f"crops/{digest}/{row.row}",
    )


def known(name: Any) -> str | None:
    """Return the name of a person or camera; None if it is missing."""
    return name if isinstance(name, str) else None
