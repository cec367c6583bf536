"""The galleries that can be searched: a manifest, whose features are cached here, or one that was stored before."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.data.decoded_images import read_decoded_images
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.extraction import PreparedImages
from simpgan.components.core.registry.adaptation import Adaptation
from simpgan.components.search.features import cached_features, features_path
from simpgan.components.search.stored_gallery import GALLERY, StoredGallery


class Gallery(Protocol):
    """Images that are searched, and their features by one model. Memory does not grow with the features."""

    @property
    def dataset(self) -> str:
        """Name of the data set."""

    @property
    def digest(self) -> str:
        """Text that changes with the images and with the model."""

    @property
    def cameras(self) -> set[str]:
        """Names of the cameras, as `Manifest.shown` has them."""

    @property
    def features(self) -> NDArray[np.float32]:
        """Features [N, D] of length 1, mapped from a file; computed or fetched first if this machine has none."""

    def __len__(self) -> int:
        """Return N, the number of images."""

    def part(self, rows: NDArray[np.int64]) -> Manifest:
        """Return the images of some rising rows as a manifest without roles."""

    def forget(self) -> None:
        """Delete what this machine's cache keeps of it. It cannot be searched afterwards."""


@dataclass(frozen=True, eq=False)
class ManifestGallery:
    """The images of a manifest. Their features are computed on this machine, once, and kept in its cache.

    Attributes:
        manifest: the manifest.
        adaptation: the model that looks at the images.
        data_root: folder or `s3://` prefix that holds their shards.
    """

    manifest: Manifest
    adaptation: Adaptation
    data_root: str

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.manifest.dataset

    @cached_property
    def digest(self) -> str:
        """Text that changes with the images and with the model."""
        made_from = f"{self.adaptation.description.content} {self.adaptation.precision} {self.manifest.digest}"
        return hashlib.sha256(made_from.encode()).hexdigest()

    @cached_property
    def cameras(self) -> set[str]:
        """Names of the cameras."""
        return {*self.manifest.shown("camera").dropna()}

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """Features [N, D] of length 1, from the cache if they were computed before."""
        adaptation = self.adaptation
        return cached_features(
            [adaptation.description.content],
            lambda: adaptation.looking,
            adaptation.dimensions,
            prepared(self.manifest, adaptation, self.data_root),
            np.arange(len(self)),
            adaptation.precision,
        )

    @property
    def cached(self) -> Path:
        """File of the features in the cache."""
        model = [self.adaptation.description.content]
        return features_path(model, self.manifest, np.arange(len(self)), self.adaptation.precision)

    def __len__(self) -> int:
        return len(self.manifest.images)

    def part(self, rows: NDArray[np.int64]) -> Manifest:
        """Return the images of some rising rows as a manifest without roles."""
        return self.manifest.part(rows)

    def forget(self) -> None:
        """Delete its features from the cache."""
        self.cached.unlink(missing_ok=True)


def open_gallery(location: str | Path, adaptation: Adaptation, data_root: str) -> Gallery:
    """Open a gallery for a model.

    Args:
        location: folder of a manifest, or folder or `s3://` prefix of a stored gallery.
        adaptation: the model.
        data_root: folder or `s3://` prefix that holds the images.

    Raises:
        UserError: there is none, it is damaged or empty, or it was stored for another model.
    """
    if storage.is_s3(str(location)) or storage.exists(storage.join(str(location), GALLERY)):
        stored = StoredGallery.open(str(location))
        stored.refuse_other_model(adaptation)
        return stored
    manifest = Manifest.load(location)
    if manifest.images.empty:
        raise UserError(f"no image in the gallery '{location}': ingest some first")
    return ManifestGallery(manifest, adaptation, data_root)


def pictures(gallery: Gallery, data_root: str, rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Yield the images of some rows of a gallery, in that order, each as uint8 [height, width, 3] in its own size."""
    different, places = np.unique(rows, return_inverse=True)
    yield from read_decoded_images(data_root, gallery.part(different), places)


def prepared(manifest: Manifest, adaptation: Adaptation, data_root: str) -> PreparedImages:
    """Return the images of a manifest as the model gets them."""
    return PreparedImages(manifest, data_root, adaptation.prepared, adaptation.size)
