"""Images of a manifest as uint8 tensors of one size."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from os import cpu_count

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from simpgan.components.core.data.decoded_images import undecodable_named
from simpgan.components.core.data.decoding import decode_image
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images
from simpgan.components.core.process.progress import Progress


def decode(content: bytes, height: int, width: int) -> np.ndarray:
    """Decode an image to uint8 [3, height, width], upright and RGB; resize bilinearly with antialiasing.

    Raises:
        Unreadable: the bytes are no image; see `picture`.
    """
    return resize_image(decode_image(content), height, width)


def resize_images(images: Tensor, height: int, width: int) -> Tensor:
    """Resize decoded images, uint8 [N, 3, H, W], as `decode` would have resized them."""
    if images.shape[-2:] == (height, width):
        return images
    pictures = images.permute(0, 2, 3, 1).cpu().numpy()
    together = [resize_image(Image.fromarray(image), height, width) for image in pictures]
    return torch.from_numpy(np.stack(together)).to(images.device)


def resize_image(image: Image.Image, height: int, width: int) -> np.ndarray:
    """Resize an RGB image to uint8 [3, height, width] by bilinear interpolation with antialiasing."""
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def iterate_batches(
    data_root: str, manifest: Manifest, rows: np.ndarray, height: int, width: int, batch: int
) -> Iterator[Tensor]:
    """Yield images of `rows` of the manifest, in that order, as uint8 [up to batch, 3, height, width].

    Threads decode ahead of the caller, at most two batches, so memory does not grow with the data.
    """
    workers = cpu_count() or 1
    contents = read_images(data_root, manifest, rows)
    with ThreadPoolExecutor(workers) as pool:
        pending = deque(pool.submit(decode, content, height, width) for content in islice(contents, 2 * batch))
        decoded: list[np.ndarray] = []
        for row in rows:
            with undecodable_named(manifest, row):
                decoded.append(pending.popleft().result())
            pending.extend(pool.submit(decode, content, height, width) for content in islice(contents, 1))
            if len(decoded) == batch or not pending:
                yield torch.from_numpy(np.stack(decoded))
                decoded = []


def load_decoded(
    data_root: str, manifest: Manifest, rows: np.ndarray, height: int, width: int, device: torch.device
) -> Tensor:
    """Load all images of `rows` as one uint8 tensor [N, 3, height, width] on `device`.

    Market-1501's training set needs 1.3 GB at 256x128, small enough to leave nothing to load while training.
    """
    images = torch.empty((len(rows), 3, height, width), dtype=torch.uint8, device=device)
    start = 0
    with Progress(f"decode {manifest.dataset}", len(rows), "image") as bar:
        for batch in iterate_batches(data_root, manifest, rows, height, width, 256):
            images[start : start + len(batch)] = batch.to(device)
            start += len(batch)
            bar.update(len(batch))
    return images


def send(values: Tensor, device: torch.device) -> Tensor:
    """Copy values drawn on the CPU to `device` without waiting for its work.

    `values.to(device)` waits until a GPU has done everything that was started before. The memory of `values` has been
    read when this returns, since it is not pinned.
    """
    return values.to(device, non_blocking=True)


def to_unit_range(images: Tensor) -> Tensor:
    """Convert uint8 images to float in [-1, 1]."""
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Convert float images in [-1, 1] to uint8, clipped, never rescaled."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
