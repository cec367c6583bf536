"""Retrieval features of images, and batch-norm statistics of another data set."""

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
class Images:
    """A manifest's images as a classifier gets them.

    Attributes:
        manifest: which images.
        data_root: folder or `s3://` prefix that holds their shards.
        prepare: uint8 [N, 3, H, W] to float in [-1, 1].
        size: height and width in pixels in which `prepare` wants them; None: those of the classifier.
    """

    manifest: Manifest
    data_root: str
    prepare: Callable[[Tensor], Tensor] = to_unit_range
    size: tuple[int, int] | None = None

    def batches(self, classifier: SiameseClassifier, rows: np.ndarray, batch: int) -> Iterator[Tensor]:
        """Images [up to batch, 3, H, W] of `rows` in the classifier's size, on its device."""
        device = next(classifier.parameters()).device
        size = self.size or (classifier.config.height, classifier.config.width)
        for images in iterate_batches(self.data_root, self.manifest, rows, *size, batch):
            yield self.prepare(images.to(device))


@dataclass(frozen=True, eq=False)
class Extracted:
    """Features of some images; each is averaged with its mirror image's.

    Attributes:
        rows: [N] int64, rows of the images' manifest, rising.
        unit: [N, D] float32 of length 1: means of unit vectors, compared by cosine.
        embedding: [N, D] float32: means of the classifier's v, for the verification score; None where there is no v.
        precision: in which they were computed, as `Inference.precision` says; empty where no network did.
    """

    rows: np.ndarray
    unit: np.ndarray
    embedding: np.ndarray | None = None
    precision: str = ""

    def of(self, rows: np.ndarray) -> "Extracted":
        """The features of some of the rows, in their order, without embeddings."""
        return Extracted(rows, self.unit[np.searchsorted(self.rows, rows)], precision=self.precision)

    def embeddings_of(self, rows: np.ndarray) -> np.ndarray:
        """The embeddings of some of the rows, in their order."""
        assert self.embedding is not None, "only a classifier makes embeddings"
        return self.embedding[np.searchsorted(self.rows, rows)]


def extract(
    classifier: SiameseClassifier, images: Images, rows: np.ndarray, *, batch: int, precision: str, label: str
) -> Extracted:
    """Features of `rows`, which must rise.

    Args:
        batch: images that go through the classifier together.
        precision: wanted, of `Inference`.
        label: what the progress bar calls them.
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
    """The unit vectors and the embeddings of `Extracted`, float32 [N, D] each, of images [N, 3, H, W] in [-1, 1]."""
    both = classifier(torch.cat([images, images.flip(3)]))
    original, mirrored = functional.normalize(both).chunk(2)
    return functional.normalize(original + mirrored), torch.stack(both.chunk(2)).mean(0)


def with_statistics_of(
    classifier: SiameseClassifier, images: Images, rows: np.ndarray, *, batch: int, precision: str, seed: int
) -> SiameseClassifier:
    """A copy of the classifier whose batch-norm statistics are those of `rows` (AdaBN, Li et al. 2017).

    No label is used: each layer's mean and variance become the plain average of those of random batches. A last
    batch that is not full is left out, since it would count as much as a full one.

    Args:
        batch: images whose statistics are taken together.
        precision: wanted, of `Inference`.
        seed: of the order in which images come.
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
