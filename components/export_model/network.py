"""A model in use as one network of fixed size: from 8-bit images to features."""

import math
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from simpgan.components.core.data.image_tensors import resize_image, to_uint8, to_unit_range
from simpgan.components.core.models.camera_statistics import CameraStatistics
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.whitening import Whitening
from simpgan.components.core.registry.adaptation import Adaptation

FRACTION_BITS = 22
"""Bits behind the point of the weights with which Pillow resizes 8-bit images."""


SHOWN = 20
"""Images that Pillow resizes to show how it does it: for one of few pixels all ways may give the same."""


class FeatureNetwork(nn.Module):
    """The features of `Adaptation.features` in float32, for images that have the model's size already.

    Batch-norm statistics of the whole set are folded into the convolutions. With statistics per camera, all cameras
    share the weights, and each layer takes the scale and shift of every image's own camera.

    Args:
        adaptation: the model.
    """

    def __init__(self, adaptation: Adaptation) -> None:
        super().__init__()
        self.translator = adaptation.translator
        looking = adaptation.classifier.config
        self.resize: PillowResize | None = None
        if adaptation.size != (looking.height, looking.width):
            self.resize = PillowResize(adaptation.size, (looking.height, looking.width))
        statistics = adaptation.statistics
        self.seen_by = SeenBy() if statistics and statistics.by_camera else None
        if statistics and self.seen_by:
            self.classifier = with_cameras(adaptation.classifier, statistics, self.seen_by)
        else:
            self.classifier = adaptation.classifier.folded(statistics.whole if statistics else None)
        self.whitening = Whiten(statistics.whitening) if statistics and statistics.whitening else None
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor, camera: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Compute features [N, D] of length 1.

        Args:
            images: uint8 [N, height, width, 3], RGB.
            camera: int64 [N], the camera of each image, 0 for the statistics of the whole set; only with statistics
                per camera.

        Returns:
            the features; with a translator also its images, as `images`.
        """
        recorded = images.permute(0, 3, 1, 2)
        if self.translator is None:
            return self.features(to_unit_range(recorded), camera)
        translated = to_uint8(self.translator(to_unit_range(recorded)))
        resized = translated if self.resize is None else self.resize(translated)
        return self.features(to_unit_range(resized), camera), translated.permute(0, 2, 3, 1)

    def features(self, prepared: Tensor, camera: Tensor | None) -> Tensor:
        """Compute features of images [N, 3, H, W] in [-1, 1], as `features_of` does."""
        if self.seen_by is not None and camera is not None:
            self.seen_by.camera = torch.cat([camera, camera])
        embeddings = self.classifier(torch.cat([prepared, prepared.flip(3)]))
        if self.seen_by is not None:
            self.seen_by.camera = None
        # The number of images is never a number of this code, which tracing would keep.
        both = functional.normalize(embeddings).reshape(2, -1, embeddings.shape[1])
        features = functional.normalize(both.sum(0))
        return features if self.whitening is None else self.whitening(features)


class Whiten(nn.Module):
    """What `Whitening` does to features [N, D]."""

    mean: Tensor
    directions: Tensor
    shrinkage: Tensor

    def __init__(self, whitening: Whitening) -> None:
        super().__init__()
        for name, array in vars(whitening).items():
            self.register_buffer(name, torch.from_numpy(array))

    def forward(self, features: Tensor) -> Tensor:
        """Whiten features [N, D]: [N, D] of length 1."""
        centred = features - self.mean
        return functional.normalize(centred - (centred @ self.directions.T * self.shrinkage) @ self.directions)


@dataclass(eq=False)
class SeenBy:
    """The camera of each image of the batch, int64 [N], which the layers of a network share."""

    camera: Tensor | None = None


class CameraNorm(nn.Module):
    """Batch normalisation in evaluation mode, with the statistics of each image's camera.

    Args:
        layer: layer with the weights.
        means: [K, C], mean of each channel by camera.
        variances: [K, C].
        seen_by: the cameras of the batch.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, layer: _BatchNorm, means: Tensor, variances: Tensor, seen_by: SeenBy) -> None:
        super().__init__()
        scale = layer.weight.detach() / torch.sqrt(variances + layer.eps)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", layer.bias.detach() - means * scale)
        self.seen_by = seen_by

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features [N, C] or [N, C, H, W]."""
        scale, shift = self.scale[self.seen_by.camera], self.shift[self.seen_by.camera]
        if features.ndim == 4:
            scale, shift = scale[:, :, None, None], shift[:, :, None, None]
        return features * scale + shift


def with_cameras(classifier: SiameseClassifier, statistics: CameraStatistics, seen_by: SeenBy) -> SiameseClassifier:
    """Copy a classifier with layers that have the statistics of the whole set (0) and of each camera (from 1)."""
    network = deepcopy(classifier).freeze()
    sets = (statistics.whole, *statistics.by_camera.values())
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, _BatchNorm)}
    for name, layer in layers.items():
        means, variances = (
            torch.stack([each[f"{name}.{kind}"] for each in sets]) for kind in ("running_mean", "running_var")
        )
        parent, _, own_name = name.rpartition(".")
        network.get_submodule(parent).add_module(own_name, CameraNorm(layer, means, variances, seen_by))
    return network


def camera_numbers(statistics: CameraStatistics | None) -> dict[str, int]:
    """Return the number by which a `FeatureNetwork` knows each camera; 0: it has no statistics of its own."""
    if statistics is None or not statistics.by_camera:
        return {}
    own = {camera: number for number, camera in enumerate(statistics.by_camera, 1)}
    return {camera: own.get(camera, 0) for camera in statistics.images}


class PillowResize(nn.Module):
    """Bilinear resizing with antialiasing of 8-bit images, number for number as the installed Pillow does it.

    Pillow resizes the rows and the columns one after the other. Each time it multiplies by weights of `FRACTION_BITS`
    bits and rounds to 8 bits.

    Args:
        before: height and width.
        after: height and width.
    """

    vertical: Tensor
    horizontal: Tensor

    def __init__(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("vertical", resize_weights(before[0], after[0]))
        self.register_buffer("horizontal", resize_weights(before[1], after[1]))
        # Which direction comes first depends on the sizes and on Pillow's version, so Pillow shows it.
        images = np.random.default_rng(0).integers(0, 256, (SHOWN, *before, 3), dtype=np.uint8)
        shown = np.stack([resize_image(Image.fromarray(image), *after) for image in images])
        self.vertical_first = False
        self.vertical_first = not np.array_equal(self(torch.from_numpy(images).permute(0, 3, 1, 2)), shown)

    def forward(self, images: Tensor) -> Tensor:
        """Resize images uint8 [..., H, W] to float32 with whole numbers."""
        values = images.double()
        if self.vertical_first:
            return rounded(rounded(self.vertical @ values) @ self.horizontal.T).float()
        return rounded(self.vertical @ rounded(values @ self.horizontal.T)).float()


def rounded(values: Tensor) -> Tensor:
    """Round to whole numbers 0..255, halves up."""
    return torch.floor(values + 0.5).clamp(0, 255)


def resize_weights(before: int, after: int) -> Tensor:
    """Return the weights [after, before] by which Pillow resizes one dimension: a triangle around each new pixel."""
    scale = before / after
    reach = max(scale, 1.0)
    weights = torch.zeros(after, before, dtype=torch.float64)
    for place in range(after):
        centre = (place + 0.5) * scale
        first, last = max(0, int(centre - reach + 0.5)), min(before, int(centre + reach + 0.5))
        triangle = [max(0.0, 1 - abs((pixel - centre + 0.5) * (1 / reach))) for pixel in range(first, last)]
        total = sum(triangle)
        for pixel, weight in enumerate(triangle, first):
            weights[place, pixel] = math.floor(weight / total * 2**FRACTION_BITS + 0.5) / 2**FRACTION_BITS
    return weights
