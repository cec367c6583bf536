"""Features of unlabelled images by a network that still changes, under the statistics of each camera.

Processes that train together share the work, and all of them get all results.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor

from simpgan.components.core.data.cameras import rows_by_camera
from simpgan.components.core.models.camera_statistics import FEWEST, CameraStatistics
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.extraction import DecodedImages, StatisticsMeter, extract
from simpgan.components.core.process.progress import Progress
from simpgan.components.core.training.distributed import gather, is_first, process_count, process_rank

SAMPLE = 2048
"""Images whose statistics cameras with too few images of their own get, so that this takes no second look at all."""


@dataclass(frozen=True)
class Observer:
    """Looks at images with a network as it is now.

    Attributes:
        batch: images that go through the network together.
        precision: wanted precision, as for `Inference`.
        seed: seed of the images' order in statistics.
    """

    batch: int
    precision: str
    seed: int

    def features(self, classifier: SiameseClassifier, images: DecodedImages, label: str) -> Tensor:
        """Return the features of all images under the statistics of their cameras: [N, D] of length 1.

        Args:
            classifier: the network, in evaluation mode.
            images: the images, on its device.
            label: name for the progress bar.
        """
        statistics = self.statistics(classifier, images)
        own = images.rows[process_rank() :: process_count()]
        with Progress(f"features {label}", len(own), "image", shown=is_first()) as bar:
            seen = extract(
                classifier,
                images,
                own,
                batch=self.batch,
                precision=self.precision,
                bar=bar,
                statistics=statistics,
                by_layer=True,
            )
        return joined(torch.from_numpy(seen.unit).to(images.decoded.device), len(images.rows))

    def statistics(self, classifier: SiameseClassifier, images: DecodedImages) -> CameraStatistics:
        """Measure the statistics of each camera, and those of a sample of all images."""
        meter = StatisticsMeter(classifier, images, precision=self.precision, seed=self.seed, by_layer=True)
        sample = np.random.default_rng(self.seed).permutation(images.rows)[:SAMPLE]
        whole = meter.measure(np.sort(sample), self.batch)
        of_cameras = rows_by_camera(images.manifest, images.rows)
        enough = [camera for camera, rows in of_cameras.items() if len(rows) >= FEWEST]
        measured = [
            torch.cat(list(meter.measure(of_cameras[camera], max(self.batch, FEWEST)).values()))
            for camera in enough[process_rank() :: process_count()]
        ]
        unmeasured = torch.cat(list(whole.values()))  # of the right size, where this process has no camera left
        together = joined(torch.stack([*measured, unmeasured]), len(enough))
        sizes = [len(value) for value in whole.values()]
        by_camera = {
            camera: dict(zip(whole, values.split(sizes), strict=True))
            for camera, values in zip(enough, together, strict=True)
        }
        return CameraStatistics.of(classifier, images.manifest, of_cameras, whole, by_camera)


def joined(own: Tensor, count: int) -> Tensor:
    """Join the rows that each process has of `count` ones, dealt out in turn: [count, ...], on every process.

    Args:
        own: this process's rows; what it has beyond its share is ignored.
        count: number of rows of all processes.
    """
    share = ceil(count / process_count())
    padded = own.new_zeros(share, *own.shape[1:])
    padded[: len(own)] = own[:share]
    return gather(padded).transpose(0, 1).flatten(0, 1)[:count]
