"""Extract retrieval features of images, and adapt batch-norm statistics to another data set."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from simpgan.components.core.data.image_tensors import iterate_batches, to_unit_range
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.precision import Inference
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
    classifier: SiameseClassifier, images: PreparedImages, rows: np.ndarray, *, batch: int, precision: str, label: str
) -> Extracted:
    """Extract the features of `rows`, which must be ascending.

    Args:
        classifier: the classifier, in evaluation mode.
        images: the images.
        rows: [N] int64, rows of their manifest.
        batch: number of images that go through the classifier together.
        precision: wanted precision, as for `Inference`.
        label: name for the progress bar.
    """
    looking = Inference(classifier, precision)
    unit: list[Tensor] = []
    embeddings: list[Tensor] = []
    with Progress(f"features {label}", len(rows), "image") as bar:
        for some in images.batches(classifier, rows, batch):
            of_both, embedding = features_of(looking, some)
            unit.append(of_both.cpu())
            embeddings.append(embedding.cpu())
            bar.update(len(some))
    return Extracted(rows, torch.cat(unit).numpy(), torch.cat(embeddings).numpy(), looking.precision)


def features_of(classifier: Inference, images: Tensor) -> tuple[Tensor, Tensor]:
    """Compute unit vectors and embeddings (see `Extracted`) of images [N, 3, H, W] in [-1, 1]: float32 [N, D] each."""
    both = classifier(torch.cat([images, images.flip(3)]))
    original, mirrored = functional.normalize(both).chunk(2)
    return functional.normalize(original + mirrored), torch.stack(both.chunk(2)).mean(0)


def with_statistics_of(
    classifier: SiameseClassifier, images: PreparedImages, rows: np.ndarray, *, batch: int, precision: str, seed: int
) -> SiameseClassifier:
    """Copy the classifier with the batch-norm statistics of `rows` (AdaBN, Li et al. 2017).

    No label is used: each layer's mean and variance become the plain average of those of random batches. A last batch
    that is not full is left out, since it would count as much as a full one.

    Args:
        classifier: the classifier.
        images: the images.
        rows: [N] int64, rows of their manifest.
        batch: number of images per batch.
        precision: wanted precision, as for `Inference`.
        seed: seed of the images' order.
    """
    looking = Inference(classifier, precision)
    adapted = deepcopy(classifier).eval()
    for layer in adapted.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.reset_running_stats()
            layer.momentum = None  # a cumulative average
            layer.train()
    order = np.random.default_rng(seed).permutation(rows)
    full = min(batch, len(rows))
    for some in images.batches(adapted, order, full):
        if len(some) < full:
            break
        with torch.no_grad(), looking.autocast(some):
            adapted(some)
    return adapted.eval()
