"""Find the images of a gallery that show the person on a probe."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image

from simpgan.components.core.data.decoding import Unreadable, decode_image, refuse_long
from simpgan.components.core.data.image_tensors import resize_image
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import NAMED
from simpgan.components.core.data.object_versions import as_name
from simpgan.components.core.errors import UserError
from simpgan.components.core.leftovers import is_hidden
from simpgan.components.core.models.camera_statistics import CameraInference
from simpgan.components.core.models.classifier import load_classifier
from simpgan.components.core.models.extraction import PreparedImages
from simpgan.components.core.models.joined import JoinedInference
from simpgan.components.core.models.model_folder import read_config
from simpgan.components.core.models.whitening import Whitening
from simpgan.components.core.registry.adaptation import Adaptation, load_adaptation
from simpgan.components.core.settings import nearest
from simpgan.components.core.storage_errors import explained
from simpgan.components.search.features import cached_features
from simpgan.components.search.gallery import Gallery, open_gallery
from simpgan.components.search.ranking import nearest as nearest_images
from simpgan.components.search.settings import FALSE_ACCEPTS
from simpgan.components.search.threshold import (
    ANY_CAMERA,
    Threshold,
    cached_threshold,
    calibrate,
    calibration_images,
    compared_by_part,
)

Ranking = Callable[[NDArray[np.float32], NDArray[np.float32], int], tuple[NDArray[np.int64], NDArray[np.float32]]]

LARGEST = 50_000_000
"""Pixels (width x height) above which a file is not read: no picture of a person is so large."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Searcher:
    """A model in use and the gallery that it searches.

    Attributes:
        folder: folder of the adaptation.
        adaptation: the loaded adaptation.
        gallery: the images that are searched.
        data_root: folder or `s3://` prefix that holds the shards of the gallery and of the source.
        false_accepts: share of pairs of different people, 0..1, that may be accepted on the source.
    """

    folder: Path
    adaptation: Adaptation
    gallery: Gallery
    data_root: str
    false_accepts: float = FALSE_ACCEPTS

    @classmethod
    def open(cls, model: str | Path, gallery: str | Path, data_root: str, false_accepts: float = FALSE_ACCEPTS) -> Self:
        """Load the adaptation in the folder `model`, and open the gallery.

        Args:
            model: folder of an adaptation.
            gallery: folder of a manifest, or folder or `s3://` prefix of a gallery that was stored for the model.
            data_root: folder or `s3://` prefix that holds the shards.
            false_accepts: share of pairs of different people, 0..1, that may be accepted on the source.

        Raises:
            UserError: one of them is missing or damaged, or the gallery is empty or was stored for another model.
        """
        adaptation = load_adaptation(Path(model))
        return cls(Path(model), adaptation, open_gallery(gallery, adaptation, data_root), data_root, false_accepts)

    def search(
        self,
        probes: Sequence[str | Path],
        top: int = 20,
        camera: str | None = None,
        rank: Ranking = nearest_images,
    ) -> pd.DataFrame:
        """Return the gallery images most similar to each probe.

        Args:
            probes: image files.
            top: number of images per probe.
            camera: camera of the probes, as for `probe_features`.
            rank: as for `found`.

        Returns:
            one row per found image: probe (its path, as ingest writes names), rank (from 1), row (of the gallery),
                image (its name), camera and person (names, or numbers as text; missing: unknown), similarity (cosine,
                -1..1) and accepted.

        Raises:
            UserError: a probe is no image, shards are missing, or there is no such camera.
        """
        names = [as_name(os.fsencode(probe)) for probe in probes]
        return self.found(names, self.probe_features(probes, camera), top, rank)

    def found(
        self, probes: Sequence[str], features: NDArray[np.float32], top: int, rank: Ranking = nearest_images
    ) -> pd.DataFrame:
        """Return the gallery images most similar to each probe, as `search` does.

        Args:
            probes: names of the probes.
            features: [P, D] of length 1.
            top: number of images per probe.
            rank: does what `ranking.nearest` does, perhaps faster.
        """
        rows, similarities = rank(features, self.gallery.features, top)
        different, places = np.unique(rows, return_inverse=True)
        found, places = self.gallery.part(different), places.ravel()
        return pd.DataFrame(
            {
                "probe": np.repeat(probes, rows.shape[1]),
                "rank": np.tile(np.arange(1, rows.shape[1] + 1), len(probes)),
                "row": rows.ravel(),
                "image": found.images["name"].to_numpy()[places],
                **{label: found.shown(label).to_numpy()[places] for label in NAMED},
                "similarity": similarities.ravel(),
                "accepted": similarities.ravel() > self.threshold.similarity,
            }
        )

    def probe_features(self, probes: Sequence[str | Path], camera: str | None = None) -> NDArray[np.float32]:
        """Extract features [len(probes), D] of image files.

        Args:
            probes: image files.
            camera: camera that recorded them all: its name, or its number. A model with statistics per
                camera looks at them with those of that camera; None: unknown, so with those of the whole set.

        Raises:
            UserError: a probe is no image, or neither the model's target nor the gallery has such a camera.
        """
        if camera is not None:
            self.refuse_other_camera(camera)
        pictures = np.stack([resize_image(open_probe(Path(probe)), *self.adaptation.size) for probe in probes])
        return self.adaptation.features(torch.from_numpy(pictures), cameras=[camera] * len(probes))

    def refuse_other_camera(self, camera: str) -> None:
        """Raise UserError unless the camera is among those of the model's target or of the gallery."""
        if camera not in self.cameras:
            raise UserError(f"no camera is named '{camera}': {nearest(camera, self.cameras)}")

    @cached_property
    def cameras(self) -> frozenset[str]:
        """Names of the cameras of the model's target and of the gallery."""
        return frozenset({*Manifest.load(self.folder / "target").shown("camera").dropna(), *self.gallery.cameras})

    @cached_property
    def threshold(self) -> Threshold:
        """The similarity above which a found image is accepted, from pairs of different people of the source.

        The source's images go through the classifier as it was trained: the adaptation is meant to make the target's
        images like these. Other cameras may have another rate. Of several classifiers it is the first one's source.
        """
        adaptation, description = self.adaptation, self.adaptation.description
        made_from = [
            *description.classifiers,
            description.digests["source"],
            self.protocol,
            adaptation.precision,
            str(self.false_accepts),
            *(["whitened"] if description.whitens else []),
        ]
        return cached_threshold(made_from, self.calibrated)

    def calibrated(self) -> Threshold:
        """Compute the threshold from the source's images."""
        rows, unseen = calibration_images(self.source, self.protocol)
        images = self.source.images.iloc[rows]
        return calibrate(
            self.whitened(self.source_features(rows)),
            images["person"].to_numpy(np.int64),
            compared_by_part(self.source).iloc[rows].to_numpy(np.int64, na_value=ANY_CAMERA),
            self.source.part_of_images.iloc[rows].to_numpy(dtype=object),
            self.false_accepts,
            unseen=unseen,
            data_set=self.source.dataset,
        )

    def whitened(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Whiten features [N, D] of the source by themselves if the model whitens; each classifier's for themselves.

        Similarities of whitened features are lower, and those of the source's images have to be comparable.
        """
        if not self.adaptation.description.whitens:
            return features
        parts = [
            Whitening.of(features[:, columns])(features[:, columns]) * share
            for _, columns, share in self.adaptation.looking.columns()
        ]
        return np.concatenate(parts, axis=1)

    def source_features(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return features [len(rows), D] of images of the source, from the cache if they were computed before."""
        adaptation = self.adaptation
        model = ["as trained", *adaptation.description.classifiers]

        def load() -> JoinedInference:
            first, _ = load_classifier(self.folder / "classifier")
            others = [companion for companion, _ in adaptation.companions]
            classifiers = [first.to(adaptation.classifier.mean.device).eval(), *others]
            return JoinedInference(tuple(CameraInference(each, adaptation.precision) for each in classifiers))

        images = PreparedImages(self.source, self.data_root)
        return cached_features(model, load, adaptation.dimensions, images, rows, adaptation.precision)

    @cached_property
    def source(self) -> Manifest:
        """The data set that the classifier was trained on."""
        return Manifest.load(self.folder / "source")

    @cached_property
    def protocol(self) -> str:
        """The protocol of the source whose training images the classifier was trained on."""
        return read_config(self.folder / "classifier")["protocol"]


def probe_files(location: Path) -> list[Path]:
    """Return the image file at `location`, or the image files of the folder, sorted by name.

    A folder's files are treated as ingest treats them: leftovers of file managers are skipped, and files that are no
    images are logged with the reason. Subfolders are not searched.

    Raises:
        UserError: there is no image.
    """
    if location.is_file():
        return [location]
    if not location.is_dir():
        raise UserError(f"no such image or folder: {location}")
    with explained(str(location)):
        there = sorted(path for path in location.iterdir() if not is_hidden(path.name))
    found, rejected = [], {}
    for path in there:
        try:
            decode_probe(path)
        except Unreadable as refused:
            rejected[path] = str(refused)
        else:
            found.append(path)
    if not found:
        examples = "; ".join(
            f"{as_name(os.fsencode(path.name))}: {reason}" for path, reason in list(rejected.items())[:3]
        )
        raise UserError(f"no image in the folder {location}: {examples or 'it is empty'}")
    for path, reason in rejected.items():
        logger.warning(f"{as_name(os.fsencode(path))} was rejected: {reason}")
    return found


def open_probe(path: Path) -> Image.Image:
    """Open an image file, upright and RGB.

    Raises:
        UserError: it is missing, no image, damaged, or larger than a picture of a person can be.
    """
    if not path.exists():
        raise UserError(f"no such image: {path}")
    try:
        return decode_probe(path)
    except Unreadable as reason:
        raise UserError(f"{path} is no image that can be read: {reason}") from None


def decode_probe(path: Path) -> Image.Image:
    """Decode an image file, upright and RGB.

    Raises:
        Unreadable: it is no image, with the reason that ingest would give, or it cannot be read.
    """
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise Unreadable("not a file")
        refuse_long(status.st_size, LARGEST)
        return decode_image(path.read_bytes(), max_pixels=LARGEST)
    except OSError as failure:
        raise Unreadable(failure.strerror or "cannot be read") from None
