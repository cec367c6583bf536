"""Features and plain measures of images, as the model in use sees them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simpgan.components.core.data.image_tensors import iterate_batches, to_unit_range
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.camera_statistics import CameraInference
from simpgan.components.core.models.classifier import load_classifier
from simpgan.components.core.models.extraction import features_of
from simpgan.components.core.models.joined import JoinedInference
from simpgan.components.core.models.model_folder import model_digest
from simpgan.components.core.registry.adaptation import load_adaptation
from simpgan.components.core.registry.description import DESCRIPTION, Description
from simpgan.components.core.training.device import choose_device
from simpgan.components.drift.appearance import MEASURES, appearance
from simpgan.components.drift.cameras import Rows
from simpgan.components.drift.settings import DriftSettings


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """Features and measures of some images of a manifest.

    Attributes:
        manifest: manifest of the images.
        rows: [N], rows of the manifest.
        features: [N, D] float32 of length 1.
        measures: [N] per measure of `appearance.MEASURES`.
    """

    manifest: Manifest
    rows: Rows
    features: NDArray[np.float32]
    measures: dict[str, NDArray[np.float64]]

    def first(self, count: int) -> "ImageFeatures":
        """Return the first `count` images."""
        measures = {name: values[:count] for name, values in self.measures.items()}
        return ImageFeatures(self.manifest, self.rows[:count], self.features[:count], measures)


class Model:
    """A classifier, or an adaptation with everything it does to an image.

    Args:
        folder: model folder, or folder of an adaptation.
        settings: settings of the stage.

    Raises:
        UserError: the folder holds neither.
    """

    def __init__(self, folder: Path, settings: DriftSettings) -> None:
        self.settings, self.device = settings, choose_device()
        if (folder / DESCRIPTION).is_file():
            self.digest = Description.read(folder).content
            adaptation = load_adaptation(folder, self.device, settings.precision)
            self.looking, self.size, self.prepare = adaptation.looking, adaptation.size, adaptation.prepared
        else:
            classifier, _ = load_classifier(folder)
            self.digest = model_digest(folder)
            self.looking = JoinedInference((CameraInference(classifier.to(self.device).eval(), settings.precision),))
            self.prepare = to_unit_range
            self.size = (classifier.config.height, classifier.config.width)

    def extract(self, manifest: Manifest, rows: Rows, data_root: str) -> ImageFeatures:
        """Extract features and measures of the images of `rows`, each as the model sees images of its camera."""
        features = np.empty((len(rows), self.looking.dimensions), np.float32)
        measures = {name: np.empty(len(rows)) for name in MEASURES}
        for member, columns, share in self.looking.columns():
            for network, places in member.of_rows(manifest, rows):
                start = 0
                for images in iterate_batches(data_root, manifest, rows[places], *self.size, self.settings.batch):
                    own = places[start : start + len(images)]
                    unit = features_of(network, self.prepare(images.to(self.device)))[0].cpu().numpy()
                    features[own, columns] = unit * share
                    if columns.start == 0:
                        for name, values in appearance(images.numpy()).items():
                            measures[name][own] = values
                    start += len(images)
        measures["height"] = manifest.images["height"].to_numpy(dtype=np.float64)[rows]
        return ImageFeatures(manifest, rows, features, measures)
