"""Whatever way an image is stored, it is seen upright, in RGB of 8 bits; or the reason is said."""

import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import ExifTags, Image

from simpgan.components.core.data.decoding import Unreadable, decode_image, is_plain

SEEN = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 0, 0]], [[9, 9, 9], [255] * 3]], "u1"))
SEEN = SEEN.resize((32, 48), Image.Resampling.NEAREST)
STORED = {
    1: SEEN,
    2: SEEN.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: SEEN.rotate(180),
    4: SEEN.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: SEEN.transpose(Image.Transpose.TRANSPOSE),
    6: SEEN.rotate(90, expand=True),
    7: SEEN.transpose(Image.Transpose.TRANSVERSE),
    8: SEEN.rotate(-90, expand=True),
}
GREY = arrays(np.uint8, (3, 4))


def encoded(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def oriented(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    more = {"jpeg": {"quality": 95, "subsampling": 0}, "webp": {"lossless": True}, "mpo": {"save_all": True}}
    stored = STORED[orientation]
    if kind == "mpo":
        more["mpo"]["append_images"] = [stored]
    return encoded(stored, kind, exif=exif, **more.get(kind, {}))


def png_of_16_bits(samples: NDArray[np.uint16], colour_type: int) -> bytes:
    """A PNG of [height, width, channels]: colour type 4 is grey with transparency, 2 RGB, 6 RGB with transparency."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], 16, colour_type, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "webp", "mpo"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_in_every_format_is_turned_upright(kind: str, orientation: int) -> None:
    content = oriented(kind, orientation)
    seen = decode_image(content)
    assert seen.size == SEEN.size
    assert np.abs(np.asarray(seen, float) - np.asarray(SEEN, float)).mean() < 8
    assert is_plain(content) == (orientation == 1)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0no TIFF at all"])
def test_damaged_exif_data_do_not_cost_the_image(exif: bytes) -> None:
    content = encoded(SEEN, "jpeg", exif=exif)
    assert decode_image(content).size == SEEN.size
    assert is_plain(content)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_there_is_not_turns_nothing(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    np.testing.assert_array_equal(decode_image(encoded(SEEN, exif=exif)), SEEN)


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("scale", [256, 257], ids=["shifted", "scaled"])
@given(grey=GREY)
def test_a_grey_picture_is_the_same_at_8_and_at_16_bits(kind: str, scale: int, grey: NDArray[np.uint8]) -> None:
    deep = Image.fromarray(grey.astype(np.uint16) * scale)
    np.testing.assert_array_equal(decode_image(encoded(deep, kind)), decode_image(encoded(Image.fromarray(grey))))


@given(grey=GREY)
def test_other_deep_pictures_are_the_same_too(grey: NDArray[np.uint8]) -> None:
    """Big-endian, integers of 32 bits that hold 16, floating-point values, and 16 bits with colour or transparency."""
    seen = np.asarray(Image.fromarray(grey).convert("RGB"))
    deep = grey.astype(np.uint16) * 257
    stored = [
        encoded(Image.frombytes("I;16B", grey.shape[::-1], deep.astype(">u2").tobytes()), "tiff"),
        encoded(Image.fromarray(deep.astype(np.int32)), "tiff"),
        encoded(Image.fromarray((grey / 255).astype(np.float32)), "tiff"),
        png_of_16_bits(np.stack([deep, np.full_like(deep, 65535)], axis=-1), 4),
        png_of_16_bits(np.stack([deep] * 3, axis=-1), 2),
        png_of_16_bits(np.stack([deep] * 3 + [np.full_like(deep, 65535)], axis=-1), 6),
    ]
    for content in stored:
        np.testing.assert_array_equal(decode_image(content), seen)
        if is_plain(content):
            np.testing.assert_array_equal(Image.open(io.BytesIO(content)).convert("RGB"), seen)
    assert [is_plain(content) for content in stored] == [False] * 3 + [True] * 3


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.array([[0, 70_000]], np.int32), "integers from 0 to 70000, which have no known scale"),
        (np.array([[-1, 9]], np.int32), "integers from -1 to 9, which have no known scale"),
        (np.array([[3, 250]], np.uint16), "16-bit values from 3 to 250 of 65535, all of one grey in 8 bits"),
        (np.array([[0, 1.5]], np.float32), "floating-point values that are not all within 0 to 1"),
        (np.array([[0, np.nan]], np.float32), "floating-point values that are not all within 0 to 1"),
        (np.array([[0, -np.inf]], np.float32), "floating-point values that are not all within 0 to 1"),
    ],
)
def test_values_without_a_known_scale_are_refused_with_the_reason(values: NDArray[np.generic], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode_image(encoded(Image.fromarray(values), "tiff"))


@given(st.binary(max_size=100), st.sampled_from(["jpeg", "png", "tiff", "webp"]), st.integers(0, 3000))
def test_no_damage_is_met_in_another_way(noise: bytes, kind: str, place: int) -> None:
    content = oriented(kind, 6)
    place %= len(content)
    with suppress(Unreadable):
        assert decode_image(content[:place] + noise + content[place + len(noise) :], max_pixels=10**6).mode == "RGB"
