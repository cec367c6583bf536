"""Images of a manifest, decoded in their own sizes; without torch, which takes seconds to import."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from simpgan.components.core.data.decoding import Unreadable, decode_image
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images
from simpgan.components.core.errors import UserError


def read_decoded_images(data_root: str, manifest: Manifest, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the images of `rows` of the manifest, in that order, each as uint8 [height, width, 3] in its own size."""
    for row, content in zip(rows, read_images(data_root, manifest, rows), strict=True):
        with undecodable_named(manifest, row):
            decoded = np.asarray(decode_image(content))
        yield decoded


@contextmanager
def undecodable_named(manifest: Manifest, row: int) -> Iterator[None]:
    """Name the image of the manifest that cannot be decoded in this block.

    An earlier ingest may have accepted an image that it would reject now.
    """
    try:
        yield
    except Unreadable as reason:
        name = manifest.images["name"].iloc[row]
        raise UserError(f"{manifest.dataset}: {name}: {reason}: ingest again, which leaves it out") from None
