"""Hand-made feature of a person's appearance: colours in stripes, oriented gradients and local binary patterns."""

from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import rgb2gray, rgb2hsv, rgb2lab
from skimage.feature import hog, local_binary_pattern

from simpgan.components.core.data.image_tensors import load_decoded
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.process.progress import Progress

HEIGHT, WIDTH = 128, 64
BORDER = 8
"""Pixels around the centre, which has 112x48; gradients and patterns are those of the centre."""
STRIPES = 15
"""Number of stripes, each 16 pixels high and half overlapping with the next."""
CELL = 16
"""Side in pixels of the 7x3 squares that each have a histogram of local binary patterns."""
PATTERNS = 58
"""Uniform patterns of 8 neighbours; patterns with more than two changes around the circle have no bin."""
LAB_START, LAB_RANGE = np.array([0, -128, -128]), np.array([100, 256, 256])
BATCH = 64


def extract(data_root: str, manifest: Manifest, rows: np.ndarray) -> NDArray[np.float32]:
    """Return features [N, 5138], each of length 1, of `rows` of a manifest."""
    images = load_decoded(data_root, manifest, rows, HEIGHT, WIDTH, torch.device("cpu")).permute(0, 2, 3, 1).numpy()
    batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    features = []
    with (
        ThreadPoolExecutor(cpu_count()) as pool,
        Progress(f"features {manifest.dataset}", len(rows), "image") as bar,
    ):
        for batch in pool.map(appearance, batches):
            features.append(batch)
            bar.update(len(batch))
    return np.concatenate(features)


def appearance(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return features [N, 5138] of images [N, 128, 64, 3]: the square root of all parts, scaled to length 1.

    The parts are colours (2880), gradients (1040) and patterns (1218).
    """
    parts = np.concatenate([colours(images), gradients(images), patterns(images)], axis=1)
    return unit_length(np.sqrt(parts)).astype(np.float32)


def colours(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return histograms [N, 2880] of RGB (4x4x4), hue and saturation (8x8), and Lab (4x4x4), in 15 stripes.

    Each histogram has length 1. A pixel counts less the farther it is from the middle of the width, where the person
    is.
    """
    rgb, hue_and_saturation = images / 255, rgb2hsv(images)[..., :2]
    lab = (rgb2lab(images) - LAB_START) / LAB_RANGE
    histograms = [
        stripe_histograms(joint_bins(rgb, 4), 64),
        stripe_histograms(joint_bins(hue_and_saturation, 8), 64),
        stripe_histograms(joint_bins(lab, 4), 64),
    ]
    return np.concatenate(histograms, axis=2).reshape(len(images), -1)


def joint_bins(values: NDArray[np.float64], levels: int) -> NDArray[np.int64]:
    """Return the bin, out of levels^C, of each vector [..., C] of numbers in 0..1."""
    quantised = np.clip((values * levels).astype(np.int64), 0, levels - 1)
    return quantised @ levels ** np.arange(values.shape[-1])


def stripe_histograms(bins: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return weighted histograms [N, 15, count], each of length 1, of the bins of pixels [N, 128, 64]."""
    images, halves = len(bins), STRIPES + 1
    half = np.arange(HEIGHT) // (HEIGHT // halves)
    place = (np.arange(images)[:, None] * halves + half)[:, :, None] * count + bins
    weights = np.broadcast_to(middle_weights(), bins.shape)
    counted = np.bincount(place.ravel(), weights.ravel(), minlength=images * halves * count)
    of_halves = counted.reshape(images, halves, count)
    return unit_length(of_halves[:, :-1] + of_halves[:, 1:])


def middle_weights() -> NDArray[np.float64]:
    """Return the weight [64] of a pixel by its column: a Gaussian with a deviation of a quarter of the width."""
    from_middle = np.arange(WIDTH) - (WIDTH - 1) / 2
    return np.exp(-0.5 * (from_middle / (WIDTH / 4)) ** 2)


def gradients(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return histograms of oriented gradients [N, 1040] of the centre.

    They have 8x8 pixels per cell and 4 bins, in blocks of 2x2 cells of length 1.
    """
    centre = rgb2gray(images)[:, BORDER:-BORDER, BORDER:-BORDER]
    return np.stack([hog(image, orientations=4, pixels_per_cell=(8, 8), cells_per_block=(2, 2)) for image in centre])


def patterns(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return histograms of uniform local binary patterns [N, 1218] in the centre's 7x3 squares, each of length 1."""
    grey = np.round(rgb2gray(images) * 255).astype(np.uint8)
    coded = np.stack([local_binary_pattern(image, P=8, R=1, method="nri_uniform") for image in grey])
    centre = coded[:, BORDER:-BORDER, BORDER:-BORDER].astype(np.int64)
    down, across = centre.shape[1] // CELL, centre.shape[2] // CELL
    squares = centre.reshape(-1, down, CELL, across, CELL).swapaxes(2, 3).reshape(-1, CELL * CELL)
    place = np.arange(len(squares))[:, None] * (PATTERNS + 1) + squares
    counted = np.bincount(place.ravel(), minlength=len(squares) * (PATTERNS + 1)).reshape(-1, PATTERNS + 1)
    return unit_length(counted[:, :PATTERNS]).reshape(len(images), -1)


def unit_length(vectors: NDArray) -> NDArray[np.float64]:
    """Scale vectors [..., D] to length 1; zero vectors stay."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
