"""Read images, and verify each by decoding it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from simpgan.components.core.data.decoding import RECORDED, Unreadable, decode_image, refuse_long
from simpgan.components.ingest.file_source import UnreadFile

AHEAD = 8  # images per thread that may wait to be taken


@dataclass(frozen=True)
class Verified:
    """An image's bytes and its size in pixels as seen, upright; or the reason why it is no image."""

    name: str
    content: bytes = b""
    width: int = 0
    height: int = 0
    reason: str = ""


Read = Callable[[str], bytes]
"""Returns the content of a file by its name, from any thread. Raises UnreadFile."""


def verify_all(files: Iterable[tuple[str, int]], read: Read, max_pixels: int, threads: int) -> Iterator[Verified]:
    """Read and decode files, (name, bytes) each, in `threads` threads, and yield the results in their order."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Verified]] = deque()
        try:
            for name, size in files:
                waiting.append(pool.submit(verify, name, size, read, max_pixels))
                if len(waiting) > threads * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def verify(name: str, size: int, read: Read, max_pixels: int) -> Verified:
    """Read and decode one image, whose file has `size` bytes.

    Reasons are the same on every machine: they are part of the manifest's digest.
    """
    try:
        content = _read(name, size, read, max_pixels)
        width, height = decode_image(content, formats=RECORDED, max_pixels=max_pixels).size
    except Unreadable as refused:
        return Verified(name, reason=str(refused))
    return Verified(name, content, width, height)


def _read(name: str, size: int, read: Read, max_pixels: int) -> bytes:
    """Read an image, unless the file is too long to be one."""
    refuse_long(size, max_pixels)
    try:
        return read(name)
    except UnreadFile as failure:
        raise Unreadable(failure.reason) from None
