"""The features of probes that are searched together."""

from contextlib import AbstractContextManager
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from simpgan.components.core.models.camera_statistics import KEPT
from simpgan.components.core.process.stoppable import stop_if_told
from simpgan.components.core.registry.adaptation import Adaptation
from simpgan.components.core.training.device import threads_of_torch

SIZES = (1, 2, 4, 8, 16, 24)
"""Images that go through the network together: few sizes, since precision is chosen by size."""

LARGEST = SIZES[-1]

OVERHEAD = 2
"""Time of a batch in which no image is computed, in images."""


def count_workers(adaptation: Adaptation) -> int:
    """Return how many batches are computed at a time.

    On a CPU each thread of torch computes images of its own: threads that share an image wait for each other in every
    layer. A GPU computes one batch at a time.
    """
    return torch.get_num_threads() if adaptation.classifier.mean.device.type == "cpu" else 1


def threads_of_worker(adaptation: Adaptation) -> AbstractContextManager[None]:
    """Return a block in which torch uses the threads of one worker."""
    return threads_of_torch(torch.get_num_threads() // count_workers(adaptation))


def features_of_pictures(
    adaptation: Adaptation, pictures: NDArray[np.uint8], cameras: list[str | None]
) -> NDArray[np.float32]:
    """Compute features [N, D] of length 1 of pictures [N, 3, H, W], in batches of `SIZES`.

    Args:
        adaptation: the model.
        pictures: the pictures, of one size.
        cameras: camera of each picture; None: unknown.
    """
    features = np.empty((len(pictures), adaptation.dimensions), np.float32)
    own = adaptation.statistics.by_camera if adaptation.statistics else {}
    places: dict[str | None, list[int]] = {}
    for place, camera in enumerate(cameras):
        places.setdefault(camera if camera in own else None, []).append(place)
    for camera, of_camera in places.items():
        start = 0
        for size in sizes_for(len(of_camera)):
            some = of_camera[start : start + size]
            filled = torch.from_numpy(pictures[some + some[-1:] * (size - len(some))])
            features[some] = adaptation.features(filled, cameras=[camera] * size)[: len(some)]
            start += size
    return features


@cache
def sizes_for(images: int) -> tuple[int, ...]:
    """Return the sizes of the batches that compute some images fastest; the last one may have to be filled up."""
    if images <= 0:
        return ()
    choices = [(size, *sizes_for(images - size)) for size in reversed(SIZES)]
    return min(choices, key=lambda sizes: sum(sizes) + OVERHEAD * len(sizes))


def warm_up(adaptation: Adaptation, pictures: NDArray[np.uint8]) -> None:
    """Compute a batch of each size, so that no request waits until its precision is chosen.

    Args:
        adaptation: the model.
        pictures: [16, 3, H, W]. The precision of a size is chosen by its first images, so these are real ones.
    """
    cameras = list(adaptation.statistics.by_camera)[: KEPT - 1] if adaptation.statistics else []
    with threads_of_worker(adaptation):
        for camera in (None, *cameras):
            for size in SIZES:
                stop_if_told()
                features_of_pictures(adaptation, pictures[:size], [camera] * size)
