"""The gallery in use. A changed one is loaded beside it, and takes its place when it is ready."""

import asyncio
import io
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from simpgan.components.core import storage
from simpgan.components.core.data.image_tensors import resize_image
from simpgan.components.core.process.stoppable import stoppable
from simpgan.components.core.registry.adaptation import load_adaptation
from simpgan.components.core.registry.local_models import folder_of
from simpgan.components.search.approximate import FaissIndex
from simpgan.components.search.gallery import Gallery, open_gallery, pictures
from simpgan.components.search.ranking import nearest
from simpgan.components.search.rounded import FEWEST, RoundedFeatures, are_worth_rounding
from simpgan.components.search.searcher import Searcher
from simpgan.components.search.serve.features import LARGEST, warm_up
from simpgan.components.search.serve.metrics import Metrics
from simpgan.components.search.settings import ServeSettings

CROP = (256, 512)
"""Largest width and height in pixels of an image that is shown."""

Result = TypeVar("Result")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LoadedGallery:
    """A gallery that is ready to be searched.

    Attributes:
        searcher: model, gallery and threshold.
        index: index of faiss by which probes are ranked; None: they are compared with all images.
    """

    searcher: Searcher
    index: FaissIndex | None = None

    @property
    def digest(self) -> str:
        """Text that changes with the images and with the model."""
        return self.searcher.gallery.digest[:16]

    def __len__(self) -> int:
        return len(self.searcher.gallery)

    @cached_property
    def rounded(self) -> RoundedFeatures | None:
        """The features with a copy by which several probes are ranked faster; None if there is no faster way."""
        features = self.searcher.gallery.features
        return RoundedFeatures(features) if self.index is None and are_worth_rounding(features) else None

    def nearest(
        self, probes: NDArray[np.float32], gallery: NDArray[np.float32], top: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return rows and similarities of the images most similar to each probe, as `ranking.nearest`."""
        if self.index:
            return self.index.nearest(probes, gallery, top)
        if self.rounded and len(probes) >= FEWEST:
            return self.rounded.nearest(probes, top)
        return nearest(probes, gallery, top)

    def pictures(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
        """Yield the images of some rows, each as uint8 [height, width, 3] in its own size."""
        yield from pictures(self.searcher.gallery, self.searcher.data_root, rows)

    def crop(self, row: int) -> bytes:
        """Return the image of a row as JPEG, not larger than `CROP`.

        Raises:
            UserError: its shard is missing or damaged.
        """
        [pixels] = self.pictures(np.array([row]))
        image = Image.fromarray(pixels)
        image.thumbnail(CROP)
        encoded = io.BytesIO()
        image.save(encoded, "JPEG", quality=90)
        return encoded.getvalue()


class Galleries:
    """Loads the model once, and the gallery whenever its files have changed.

    Attributes:
        current: the gallery in use; None until the first one is loaded.

    Raises:
        UserError: there is no such model or gallery.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self.folder = folder_of(settings.model)
        self.adaptation = load_adaptation(self.folder)
        self.metrics = Metrics(self.adaptation.description)
        self.current: LoadedGallery | None = None
        self._former: Gallery | None = None
        """The one before, which a batch may still search; with the next one, the cache forgets it."""
        self._version = ""
        self._failure = ""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gallery")
        self._told = threading.Event()
        self.open()

    def open(self) -> Searcher:
        """Read what the gallery is, without its features."""
        data_root = self.settings.data_root
        gallery = open_gallery(self.settings.gallery, self.adaptation, data_root)
        return Searcher(self.folder, self.adaptation, gallery, data_root, self.settings.false_accepts)

    def load(self) -> LoadedGallery:
        """Read the gallery and everything that a search needs: features, threshold, cameras; compute what is missing.

        Raises:
            UserError: something of it is missing or damaged.
        """
        searcher = self.open()
        gallery = LoadedGallery(searcher, FaissIndex.open(searcher.gallery) if self.settings.faiss else None)
        _ = searcher.threshold, searcher.cameras, gallery.rounded
        rows = np.linspace(0, len(gallery) - 1, LARGEST).astype(np.int64)
        some = [Image.fromarray(pixels) for pixels in gallery.pictures(rows)]  # also shows that the images are there
        if self.current is None:
            warm_up(self.adaptation, np.stack([resize_image(image, *self.adaptation.size) for image in some]))
        return gallery

    async def keep_current(self, ready: Callable[[LoadedGallery], None]) -> None:
        """Load the gallery, and load it again when its files change, until cancelled.

        A gallery that cannot be loaded is tried again at every look; the one in use stays.

        Args:
            ready: called with the first gallery.

        Raises:
            UserError: the first gallery cannot be loaded.
        """
        while True:
            try:
                version = await self._in_thread(lambda: storage.fingerprint(self.settings.gallery))
                if version != self._version:
                    gallery = await self._replace()
                    if not self._version:
                        ready(gallery)
                    self._version, self._failure = version, ""
            except Exception as failure:  # a full disk, for example, must not end searches in the gallery in use
                if self.current is None:
                    raise
                if str(failure) != self._failure:
                    logger.warning(f"the gallery in use stays: {failure}")
                    self.metrics.loads.labels("failed").inc()
                self._failure = str(failure)
            await asyncio.sleep(self.settings.watch_seconds)

    def stop(self) -> None:
        """Stop loading, which may take an hour, within seconds."""
        self._told.set()
        self._thread.shutdown(cancel_futures=True)

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        def call() -> Result:
            with stoppable(self._told):
                return function()

        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def _replace(self) -> LoadedGallery:
        """Load the gallery as it is now and use it from then on."""
        gallery = await self._in_thread(self.load)
        replaced, self.current = self.current, gallery
        self.metrics.gallery(len(gallery))
        if replaced and replaced.digest != gallery.digest:
            logger.info(f"{len(gallery):,} images of {gallery.searcher.gallery.dataset} are searched from now on")
            if self._former and self._former.digest != gallery.searcher.gallery.digest:
                await self._in_thread(self._former.forget)
            self._former = replaced.searcher.gallery
        return gallery
