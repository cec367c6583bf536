"""An image is accepted only if every pixel of it can be decoded, and then its bytes are left as they are."""

import struct
import threading
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.ingest.verify import Verified, verify, verify_all
from tests.components.ingest.data_sets import encoded

JPEG, PNG, BMP = (encoded(3, suffix, (20, 30)) for suffix in (".jpg", ".png", ".bmp"))


def verified(content: bytes, max_pixels: int) -> Verified:
    return verify("a", len(content), lambda _: content, max_pixels)


def listed(files: dict[str, bytes]) -> list[tuple[str, int]]:
    return [(name, len(content)) for name, content in files.items()]


def png_that_claims(width: int, height: int) -> bytes:
    """A small PNG whose header names any size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG[:12] + header + struct.pack(">I", zlib.crc32(header)) + PNG[33:]


@pytest.mark.parametrize("content", [JPEG, PNG, BMP], ids=["jpeg", "png", "bmp"])
def test_a_whole_image_keeps_its_bytes_and_tells_its_size(content: bytes):
    image = verified(content, 600)
    assert (image.content, image.width, image.height, image.reason) == (content, 20, 30, "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"this is a text", "not a JPEG, PNG or BMP image"),
        (b"GIF89a" + bytes(100), "not a JPEG, PNG or BMP image"),
        (JPEG[: len(JPEG) // 2], "damaged or truncated image"),
        (PNG[:60], "damaged or truncated image"),
        (BMP[:-100], "damaged or truncated image"),
        (encoded(1, size=(40, 30)), "40 x 30 pixels, more than 1000"),
        (png_that_claims(9_000, 9_000), "9000 x 9000 pixels, more than 1000"),
        (png_that_claims(60_000, 60_000), "more than 1000 pixels"),
        (JPEG + bytes(2_000_000), "2000651 bytes, too many for 1000 pixels"),
    ],
    ids=[
        "zero bytes",
        "text",
        "gif",
        "half a jpeg",
        "start of a png",
        "most of a bmp",
        "large",
        "larger",
        "bomb",
        "long file",
    ],
)
def test_what_is_no_whole_image_of_a_sane_size_is_rejected_with_the_reason(content: bytes, reason: str):
    reason = reason.replace("2000651", str(len(content)))
    assert verified(content, 1000).reason == reason


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([JPEG, PNG]), st.integers(0, 600), st.integers(0, 600))
def test_no_bytes_make_it_fail(noise: bytes, whole: bytes, start: int, end: int):
    content = whole[:start] + noise + whole[end:]
    image = verified(content, 1000)
    assert bool(image.reason) != bool(image.width)


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_names(threads: int):
    files = {f"{number:03}": encoded(number) if number % 3 else b"" for number in range(100)}
    found = list(verify_all(listed(files), files.__getitem__, 1000, threads))
    assert [image.name for image in found] == list(files)
    assert [image.content for image in found] == list(files.values())


def test_reading_stays_only_a_little_ahead_and_stops_with_its_reader():
    files = {f"{number:03}": encoded(number) for number in range(200)}
    read: list[str] = []
    images = verify_all(listed(files), lambda name: read.append(name) or files[name], 1000, 2)
    next(images)
    images.close()
    assert len(read) < 30
    assert threading.active_count() < 10
