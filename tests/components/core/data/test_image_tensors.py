"""Decoding images to tensors of one size."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from simpgan.components.core.data.image_tensors import decode, iterate_batches, load_decoded, to_uint8, to_unit_range
from simpgan.components.core.data.manifest import Manifest
from tests.conftest import Ingested


def encoded(image: Image.Image, kind: str = "png") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def test_an_image_of_that_size_is_not_changed() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    decoded = decode(encoded(Image.fromarray(pixels)), 8, 6)
    np.testing.assert_array_equal(decoded, pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_every_kind_of_image_becomes_rgb(mode: str) -> None:
    kind = "jpeg" if mode == "CMYK" else "png"
    assert decode(encoded(Image.new(mode, (5, 7)), kind), 4, 4).shape == (3, 4, 4)


def test_shrinking_averages() -> None:
    """Antialiased: a fine chequerboard becomes grey, it does not vanish."""
    board = np.indices((32, 32)).sum(0) % 2 * 255
    decoded = decode(encoded(Image.fromarray(board.astype(np.uint8))), 4, 4)
    np.testing.assert_allclose(decoded, 127.5, atol=8)


def test_batches_come_in_the_order_asked_for(ingested: Ingested) -> None:
    manifest = Manifest.load(ingested.target)
    rows = np.array([4, 0, 9, 4, 2])
    batches = list(iterate_batches(ingested.data_root, manifest, rows, 16, 8, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    together = torch.cat(batches)
    assert torch.equal(together[0], together[3])
    for row, image in zip(rows, together, strict=True):
        path = next(Path(ingested.folder).rglob(manifest.images["name"][row]))
        np.testing.assert_array_equal(image.numpy(), decode(path.read_bytes(), 16, 8))
    loaded = load_decoded(ingested.data_root, manifest, rows, 16, 8, torch.device("cpu"))
    assert torch.equal(loaded, together)


def test_no_rows_no_batches(ingested: Ingested) -> None:
    manifest = Manifest.load(ingested.target)
    assert list(iterate_batches(ingested.data_root, manifest, np.array([], dtype=int), 16, 8, 2)) == []


def test_bytes_survive_the_way_to_the_unit_range_and_back() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    unit = to_unit_range(values)
    assert (unit.min(), unit.max()) == (-1, 1)
    assert torch.equal(to_uint8(unit), values)
    assert to_uint8(torch.tensor([-1.5, 1.5])).tolist() == [0, 255]
