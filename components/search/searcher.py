"""Find people: images of a gallery that show who is on a probe."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image

from components.core.data.decoded import stretched
from components.core.data.manifest import Manifest
from components.core.models.adaptation import Adaptation, load_adaptation
from components.core.models.classifier import load_classifier
from components.core.models.extraction import Images
from components.core.runtime.errors import UserError
from components.search.features import kept_features
from components.search.ranking import nearest
from components.search.threshold import Threshold, calibrate, people_to_compare

FALSE_ACCEPTS = 0.001
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
LARGEST = 50_000_000


@dataclass(frozen=True, eq=False)
class Searcher:
    """A model in use and the images that it searches.

    Attributes:
        folder: of the adaptation.
        gallery: all of whose images are searched.
        data_root: folder or `s3://` prefix that holds the shards of the gallery and of the source.
        false_accepts: share of pairs of different people, 0..1, that may be accepted on the source.
    """

    folder: Path
    adaptation: Adaptation
    gallery: Manifest
    data_root: str
    false_accepts: float = FALSE_ACCEPTS

    @classmethod
    def open(cls, model: str | Path, gallery: str | Path, data_root: str, false_accepts: float = FALSE_ACCEPTS) -> Self:
        """Load the adaptation in the folder `model` and the manifest in the folder `gallery`.

        Raises:
            UserError: one of them is not there or damaged, or the gallery is empty.
        """
        manifest = Manifest.load(gallery)
        if manifest.images.empty:
            raise UserError(f"no image in the gallery '{gallery}': ingest some first")
        return cls(Path(model), load_adaptation(Path(model)), manifest, data_root, false_accepts)

    def search(self, probes: Sequence[str | Path], top: int = 20) -> pd.DataFrame:
        """The gallery images most like each probe.

        Args:
            probes: image files.
            top: images a probe.

        Returns:
            probe, rank (from 1), image (its name), camera, person (<NA>: unknown), similarity (cosine, -1..1) and
            accepted, a row a found image.

        Raises:
            UserError: a probe is no image, or shards are missing.
        """
        features = self.probe_features(probes)
        rows, similarities = nearest(features, self.gallery_features, top)
        found = self.gallery.images.iloc[rows.ravel()][["name", "camera", "person"]].reset_index(drop=True)
        return pd.DataFrame(
            {
                "probe": np.repeat([str(probe) for probe in probes], rows.shape[1]),
                "rank": np.tile(np.arange(1, rows.shape[1] + 1), len(probes)),
                "image": found["name"],
                "camera": found["camera"],
                "person": found["person"],
                "similarity": similarities.ravel(),
                "accepted": similarities.ravel() > self.threshold.similarity,
            }
        )

    def probe_features(self, probes: Sequence[str | Path]) -> NDArray[np.float32]:
        """Features [len(probes), D] of image files."""
        pictures = np.stack([stretched(opened(Path(probe)), *self.adaptation.size) for probe in probes])
        return self.adaptation.features(torch.from_numpy(pictures))

    @cached_property
    def gallery_features(self) -> NDArray[np.float32]:
        """Features [N, D] of the gallery's images, from the cache if they were computed before."""
        adaptation = self.adaptation
        images = Images(self.gallery, self.data_root, adaptation.prepared, adaptation.size)
        rows = np.arange(len(self.gallery.images))
        model = [adaptation.description.content]
        return kept_features(model, adaptation.classifier, images, rows, adaptation.precision)

    @cached_property
    def threshold(self) -> Threshold:
        """The similarity above which a found image is accepted, from pairs of different people of the source.

        The source's images go through the classifier as it was trained: what the model in use does to the target's is
        to make them as these are. Another network of cameras may have another rate.
        """
        rows, unseen = people_to_compare(self.source)
        images = self.source.images.iloc[rows]
        return calibrate(
            self.source_features(rows),
            images["person"].to_numpy(np.int64),
            images["camera"].to_numpy(np.int64),
            self.false_accepts,
            unseen=unseen,
            data_set=self.source.dataset,
        )

    def source_features(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features [len(rows), D] of images of the source, from the cache if they were computed before."""
        classifier, _ = load_classifier(self.folder / "classifier")
        device = self.adaptation.classifier.mean.device
        model = ["as trained", self.adaptation.description.digests["classifier"]]
        images = Images(self.source, self.data_root)
        return kept_features(model, classifier.to(device).eval(), images, rows, self.adaptation.precision)

    @cached_property
    def source(self) -> Manifest:
        """The data set that the classifier was trained on."""
        return Manifest.load(self.folder / "source")


def probe_files(location: Path) -> list[Path]:
    """The image file at `location`, or those of the folder, by their names.

    Raises:
        UserError: there is none.
    """
    if location.is_file():
        return [location]
    if not location.is_dir():
        raise UserError(f"no such image or folder: {location}")
    found = sorted(path for path in location.iterdir() if path.suffix.lower() in PICTURES)
    if not found:
        raise UserError(f"no image in the folder {location}: looked for {', '.join(sorted(PICTURES))}")
    return found


def opened(path: Path) -> Image.Image:
    """An image file as RGB.

    Raises:
        UserError: it is not there, no image, damaged, or larger than a picture of a person can be.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > LARGEST:
                raise UserError(f"{path} has {image.width} x {image.height} pixels: cut the person out")
            return image.convert("RGB")
    except FileNotFoundError:
        raise UserError(f"no such image: {path}") from None
    except (OSError, ValueError, Image.DecompressionBombError) as damage:
        raise UserError(f"{path} is no image that can be read: {damage}") from None
