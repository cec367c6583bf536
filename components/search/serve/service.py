"""What the addresses of the service answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import torch
from fastapi import Request
from fastapi.responses import Response

from simpgan.components.core.data.cameras import in_order
from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import title_of
from simpgan.components.search.serve.answers import About, Answer, Health
from simpgan.components.search.serve.batches import Batches
from simpgan.components.search.serve.features import count_workers
from simpgan.components.search.serve.galleries import Galleries, LoadedGallery
from simpgan.components.search.serve.refusals import Refusal, come_back
from simpgan.components.search.serve.search import MOST, Probe, decode_probe, search
from simpgan.components.search.serve.uploads import read_upload

TOP = 20
LARGEST_TOP = 1000
"""Images that one search may return."""

SECONDS_TO_LOAD, SECONDS_TO_ANSWER = 10, 1
"""When to come back if the gallery is being loaded, and if too many searches are waiting."""

Result = TypeVar("Result")


class Places:
    """The searches that are read, wait or are computed, which are at most `most`."""

    def __init__(self, most: int) -> None:
        self.most, self.taken = most, 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place in this block.

        Raises:
            Refusal: all are taken.
        """
        if self.taken == self.most:
            raise come_back("too many searches are waiting: try again in a moment", SECONDS_TO_ANSWER)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Service:
    """Answers searches in the current gallery.

    Args:
        galleries: the model and the gallery.
    """

    def __init__(self, galleries: Galleries) -> None:
        self.galleries, self.settings, self.metrics = galleries, galleries.settings, galleries.metrics
        self.places = Places(self.settings.max_requests)
        self.batches: Batches[Probe, Answer] = Batches(
            lambda probes: search(galleries, probes),
            MOST,
            lambda: self.places.taken,
            count_workers(galleries.adaptation),
        )
        self.decoders = ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="decode")

    @asynccontextmanager
    async def running(
        self, ready: Callable[[LoadedGallery], None], failed: Callable[[BaseException], None]
    ) -> AsyncIterator[None]:
        """Load galleries and compute batches in this block.

        Args:
            ready: called when the first gallery is loaded.
            failed: called with what keeps the service from going on.
        """

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (failure := task.exception()):
                failed(failure)

        tasks = [asyncio.create_task(each) for each in (self.batches.run(), self.galleries.keep_current(ready))]
        for task in tasks:
            task.add_done_callback(ended)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.galleries.stop()
        self.decoders.shutdown(cancel_futures=True)

    async def search(self, request: Request) -> Answer:
        """Search the gallery for the person on an image."""
        with self.metrics.search(), self.places.one():
            gallery = self.current()
            upload = await read_upload(request, self.settings.max_bytes)
            camera, top = camera_of(upload.fields, gallery), top_of(upload.fields)
            size, most = self.galleries.adaptation.size, self.settings.max_pixels
            picture = await self.in_pool(lambda: decode_probe(upload.image, size, most))
            return await self.batches.answer(Probe(picture, camera, top))

    async def crop(self, digest: str, row: str) -> Response:
        """Return a found image as JPEG, scaled down to 256 x 512 pixels."""
        gallery = self.current()
        if digest != gallery.digest:
            raise Refusal(410, "the gallery has changed since: search again")
        if not row.isdecimal() or int(row) >= len(gallery):
            raise Refusal(404, f"the gallery has no image {row}")
        image = await self.in_pool(lambda: gallery.crop(int(row)))
        return Response(image, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400, immutable"})

    async def about(self) -> About:
        """Describe the model and the gallery in use."""
        gallery, description = self.current(), self.galleries.adaptation.description
        return About(
            model=f"{title_of(description.method)}, trained on {description.source}, adapted to {description.target}",
            gallery=gallery.searcher.gallery.dataset,
            images=len(gallery),
            cameras=sorted(gallery.searcher.cameras, key=in_order),
            threshold=str(gallery.searcher.threshold),
        )

    async def figures(self) -> Response:
        """Return numbers for Prometheus."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def health(self, response: Response) -> Health:
        """Tell whether searches are answered. It needs no token."""
        ready = self.galleries.current is not None
        response.status_code = 200 if ready else 503
        return Health(status="ready" if ready else "loading")

    def current(self) -> LoadedGallery:
        """Return the gallery in use.

        Raises:
            Refusal: none is loaded yet.
        """
        if self.galleries.current is None:
            raise come_back("the gallery is being loaded: try again later", SECONDS_TO_LOAD)
        return self.galleries.current

    async def in_pool(self, function: Callable[[], Result]) -> Result:
        """Call a function in one of the threads that decode images."""
        return await asyncio.get_running_loop().run_in_executor(self.decoders, function)


def camera_of(fields: dict[str, str], gallery: LoadedGallery) -> str | None:
    """Return the camera that a request names; None: none.

    Raises:
        Refusal: there is no such camera.
    """
    camera = fields.get("camera")
    if camera is not None:
        try:
            gallery.searcher.refuse_other_camera(camera)
        except UserError as error:
            raise Refusal(400, str(error)) from None
    return camera


def top_of(fields: dict[str, str]) -> int:
    """Return how many images a request wants.

    Raises:
        Refusal: it is no number, or too large.
    """
    text = fields.get("top", str(TOP))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= LARGEST_TOP):
        raise Refusal(400, f"top={text[:20]}: give a whole number from 1 to {LARGEST_TOP}")
    return int(text)
