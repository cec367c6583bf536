"""Extract retrieval features of images, and measure batch-norm statistics of another data set."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from simpgan.components.core.data.cameras import rows_by_camera
from simpgan.components.core.data.image_tensors import iterate_batches, to_unit_range
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.camera_statistics import FEWEST, CameraInference, CameraStatistics
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.precision import Inference
from simpgan.components.core.models.whitening import Whitening
from simpgan.components.core.process.progress import Progress


@dataclass(frozen=True, eq=False)
class PreparedImages:
    """The images of a manifest, prepared for a classifier.

    Attributes:
        manifest: the manifest.
        data_root: folder or `s3://` prefix that holds its shards.
        prepare: converts uint8 [N, 3, H, W] to float in [-1, 1].
        size: height and width in pixels of the input of `prepare`; None: those of the classifier.
    """

    manifest: Manifest
    data_root: str
    prepare: Callable[[Tensor], Tensor] = to_unit_range
    size: tuple[int, int] | None = None

    def batches(self, classifier: SiameseClassifier, rows: np.ndarray, batch: int) -> Iterator[Tensor]:
        """Yield images [up to batch, 3, H, W] of `rows` in the classifier's size, on its device."""
        device = next(classifier.parameters()).device
        size = self.size or (classifier.config.height, classifier.config.width)
        for images in iterate_batches(self.data_root, self.manifest, rows, *size, batch):
            yield self.prepare(images.to(device))


@dataclass(frozen=True, eq=False, kw_only=True)
class DecodedImages(PreparedImages):
    """Images of a manifest that were decoded once, in the classifier's size, since they are looked at many times.

    Attributes:
        rows: [N] int64, their rows of the manifest, ascending.
        decoded: uint8 [N, 3, H, W].
    """

    rows: np.ndarray
    decoded: Tensor

    def batches(self, classifier: SiameseClassifier, rows: np.ndarray, batch: int) -> Iterator[Tensor]:
        """Yield images [up to batch, 3, H, W] of `rows`, which must be among the decoded ones."""
        device = next(classifier.parameters()).device
        for some in torch.from_numpy(np.searchsorted(self.rows, rows)).split(batch):
            yield self.prepare(self.decoded[some.to(self.decoded.device)].to(device))


@dataclass(frozen=True, eq=False)
class Extracted:
    """Features of some images, each averaged with the feature of its mirror image.

    Attributes:
        rows: [N] int64, rows of the images' manifest, ascending.
        unit: [N, D] float32 of length 1: means of unit vectors, compared by cosine.
        embedding: [N, D] float32: means of the classifier's v, for the verification score; None if there is no v.
        precision: precision of the computation, as in `Inference.precision`; empty if no network computed them.
    """

    rows: np.ndarray
    unit: np.ndarray
    embedding: np.ndarray | None = None
    precision: str = ""

    def select(self, rows: np.ndarray) -> "Extracted":
        """Return the features of some of the rows, in their order, without embeddings."""
        return Extracted(rows, self.unit[np.searchsorted(self.rows, rows)], precision=self.precision)

    def embeddings_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the embeddings of some of the rows, in their order."""
        assert self.embedding is not None, "only a classifier makes embeddings"
        return self.embedding[np.searchsorted(self.rows, rows)]


def extract(
    classifier: SiameseClassifier,
    images: PreparedImages,
    rows: np.ndarray,
    *,
    batch: int,
    precision: str,
    label: str = "",
    bar: Progress | None = None,
    statistics: CameraStatistics | None = None,
    by_layer: bool = False,
) -> Extracted:
    """Extract the features of `rows`, which must be ascending.

    Args:
        classifier: the classifier, in evaluation mode.
        images: the images.
        rows: [N] int64, rows of their manifest.
        batch: number of images that go through the classifier together.
        precision: wanted precision, as for `Inference`.
        label: name for the progress bar.
        bar: progress bar of more work than this, which counts the images; None: they have a bar of their own.
        statistics: statistics with which the classifier looks at each camera's images; None: its own.
        by_layer: as for `Inference`.
    """
    looking = CameraInference(classifier, precision, statistics, by_layer=by_layer)
    unit, embeddings = (np.empty((len(rows), classifier.dimensions), np.float32) for _ in range(2))
    with nullcontext(bar) if bar else Progress(f"features {label}", len(rows), "image") as progress:
        for network, places, some in batches_by_camera(looking, images, rows, batch):
            features, embeddings[places] = (each.cpu().numpy() for each in features_of(network, some))
            unit[places] = looking.whitened(features)
            progress.update(len(some))
    return Extracted(rows, unit, embeddings, looking.precision)


def batches_by_camera(
    looking: CameraInference, images: PreparedImages, rows: np.ndarray, batch: int
) -> Iterator[tuple[Inference, np.ndarray, Tensor]]:
    """Yield batches of images that the network sees with the same statistics.

    Yields:
        The network with these statistics, the places of the images in `rows`, and the images [up to batch, 3, H, W].
    """
    for network, places in looking.of_rows(images.manifest, rows):
        start = 0
        for some in images.batches(looking.network, rows[places], batch):
            yield network, places[start : start + len(some)], some
            start += len(some)


def features_of(classifier: Inference, images: Tensor) -> tuple[Tensor, Tensor]:
    """Compute unit vectors and embeddings (see `Extracted`) of images [N, 3, H, W] in [-1, 1]: float32 [N, D] each."""
    both = classifier(torch.cat([images, images.flip(3)]))
    original, mirrored = functional.normalize(both).chunk(2)
    return functional.normalize(original + mirrored), torch.stack(both.chunk(2)).mean(0)


def measure_statistics(
    classifier: SiameseClassifier,
    images: PreparedImages,
    rows: np.ndarray,
    *,
    batch: int,
    precision: str,
    seed: int,
    by_camera: bool = False,
) -> CameraStatistics:
    """Measure the batch-norm statistics of `rows` (AdaBN, Li et al. 2017), and those of each of their cameras.

    No label is used: each layer's mean and variance are the plain average of those of random batches. A last batch
    that is not full is left out, since it would count as much as a full one.

    Args:
        classifier: the classifier.
        images: the images.
        rows: [N] int64, rows of their manifest, two at least.
        batch: number of images per batch; for a camera `FEWEST` at least, since small batches lack most of the variance
            between images.
        precision: wanted precision, as for `Inference`.
        seed: seed of the images' order.
        by_camera: whether to measure cameras too.
    """
    meter = StatisticsMeter(classifier, images, precision=precision, seed=seed)
    whole = meter.measure(rows, batch)
    if not by_camera:
        return CameraStatistics(whole)
    of_cameras = rows_by_camera(images.manifest, rows)
    measured = {
        camera: meter.measure(own, max(batch, FEWEST)) for camera, own in of_cameras.items() if len(own) >= FEWEST
    }
    return CameraStatistics.of(classifier, images.manifest, of_cameras, whole, measured)


def with_whitening(
    classifier: SiameseClassifier,
    images: PreparedImages,
    rows: np.ndarray,
    statistics: CameraStatistics,
    *,
    batch: int,
    precision: str,
) -> CameraStatistics:
    """Add the whitening by the features of `rows`, which must be ascending, seen with the statistics."""
    seen = extract(
        classifier, images, rows, batch=batch, precision=precision, label="for whitening", statistics=statistics
    )
    return replace(statistics, whitening=Whitening.of(seen.unit))


class StatisticsMeter:
    """Measures the batch-norm statistics of some images, as `measure_statistics` describes it.

    Args:
        classifier: the classifier, in evaluation mode.
        images: the images.
        precision: wanted precision, as for `Inference`.
        seed: seed of the images' order.
        by_layer: as for `Inference`.
    """

    def __init__(
        self,
        classifier: SiameseClassifier,
        images: PreparedImages,
        *,
        precision: str,
        seed: int,
        by_layer: bool = False,
    ) -> None:
        self.images, self.seed = images, seed
        self.looking = Inference(classifier, precision, by_layer=by_layer)
        self.network = deepcopy(classifier).eval()
        self.layers = {
            name: layer
            for name, layer in self.network.named_modules()
            if isinstance(layer, nn.modules.batchnorm._BatchNorm)
        }

    def measure(self, rows: np.ndarray, batch: int) -> dict[str, Tensor]:
        """Return the means and variances of `rows`, by the names they have in the classifier's state."""
        for layer in self.layers.values():
            layer.reset_running_stats()
            layer.momentum = None  # a cumulative average
            layer.train()
        full = min(batch, len(rows))
        order = np.random.default_rng(self.seed).permutation(rows)
        for pictures in self.images.batches(self.network, order, full):
            if len(pictures) < full:
                break
            with torch.no_grad(), self.looking.autocast(pictures):
                self.network(pictures)
        return {
            f"{name}.{kind}": getattr(layer, kind).clone()
            for name, layer in self.layers.items()
            for kind in ("running_mean", "running_var")
        }
