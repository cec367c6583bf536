"""Reading images and proving each to be one by decoding it."""

import io
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from components.ingest.sources import Damaged, Gone, Source

FORMATS = ("JPEG", "PNG")
GONE = "gone since it was listed"
AHEAD = 8  # Images a thread may be ahead of the one that is taken.


@dataclass(frozen=True)
class Verified:
    """An image's bytes and its size in pixels, or the reason why it is none."""

    name: str
    content: bytes = b""
    width: int = 0
    height: int = 0
    reason: str = ""


def verify_all(source: Source, names: Iterable[str], max_pixels: int, threads: int) -> Iterator[Verified]:
    """Read and decode files of the source in `threads` threads; results come in the order of `names`."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Verified]] = deque()
        try:
            for name in names:
                waiting.append(pool.submit(verify, source, name, max_pixels))
                if len(waiting) > threads * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def verify(source: Source, name: str, max_pixels: int) -> Verified:
    """Read and decode one image. Reasons are the same on every machine: they are part of the manifest's digest."""
    try:
        content = _read(source, name, max_pixels)
        width, height = _decode(content, max_pixels)
    except _Refused as refused:
        return Verified(name, reason=str(refused))
    return Verified(name, content, width, height)


class _Refused(Exception):
    pass


def _read(source: Source, name: str, max_pixels: int) -> bytes:
    if source.sizes[name] == 0:
        raise _Refused("empty file")
    if source.sizes[name] > 4 * max_pixels + 2**20:  # No encoding is much longer than the pixels themselves.
        raise _Refused(f"{source.sizes[name]} bytes, too many for {max_pixels} pixels")
    try:
        return source.read(name)
    except Damaged:
        raise _Refused("damaged in the archive") from None
    except Gone:
        raise _Refused(GONE) from None


def _decode(content: bytes, max_pixels: int) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise _Refused(f"{width} x {height} pixels, more than {max_pixels}")
            image.load()
            return width, height
    except UnidentifiedImageError:
        raise _Refused("not a JPEG or PNG image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _Refused(f"more than {max_pixels} pixels") from None
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error):
        raise _Refused("damaged or truncated image") from None
