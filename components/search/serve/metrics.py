"""What Prometheus reads of the service: https://prometheus.io/docs/instrumenting/exposition_formats."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from starlette.requests import ClientDisconnect

from simpgan.components.core.registry.description import Description
from simpgan.components.search.serve.refusals import Refusal

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2, 5, 10, 30)
IMAGES = (1, 2, 4, 8, 16, 32, 64)

GONE = 499
"""Status of a search whose client has gone before it was read, as nginx counts it."""


class Metrics:
    """The numbers of one service.

    Args:
        description: description of the model in use.
    """

    def __init__(self, description: Description) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.searches = Counter("simpgan_searches", "Searches by HTTP status.", ["status"], registry=registry)
        self.in_progress = Gauge(
            "simpgan_searches_in_progress", "Searches that are not answered yet.", registry=registry
        )
        self.seconds = Histogram(
            "simpgan_search_seconds", "Seconds from request to answer.", buckets=SECONDS, registry=registry
        )
        self.batch = Histogram(
            "simpgan_batch_images", "Images that were computed together.", buckets=IMAGES, registry=registry
        )
        self.images = Gauge("simpgan_gallery_images", "Images of the gallery in use.", registry=registry)
        self.loaded = Gauge(
            "simpgan_gallery_loaded_timestamp_seconds",
            "Time at which the gallery in use was loaded.",
            registry=registry,
        )
        self.loads = Counter("simpgan_gallery_loads", "Loads of a gallery by outcome.", ["outcome"], registry=registry)
        for outcome in ("loaded", "failed"):
            self.loads.labels(outcome)
        about = {name: getattr(description, name) for name in ("method", "source", "target", "content")}
        Info("simpgan_model", "The model in use.", registry=registry).info(about)

    @contextmanager
    def search(self) -> Iterator[None]:
        """Count the search that is answered in this block, by the status that an exception in it stands for."""
        started, status = time.perf_counter(), 500
        try:
            with self.in_progress.track_inprogress():
                yield
            status = 200
        except Refusal as refusal:
            status = refusal.status
            raise
        except ClientDisconnect:
            status = GONE
            raise
        finally:
            self.searches.labels(str(status)).inc()
            self.seconds.observe(time.perf_counter() - started)

    def gallery(self, images: int) -> None:
        """Note that a gallery was loaded."""
        self.images.set(images)
        self.loaded.set_to_current_time()
        self.loads.labels("loaded").inc()

    def text(self) -> bytes:
        """Return all numbers in Prometheus's text format."""
        return generate_latest(self.registry)
