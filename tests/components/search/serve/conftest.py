"""A model and a gallery of generated people, and a service that searches in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.registry.adaptation import save_adaptation
from simpgan.components.search.settings import ServeSettings
from tests.components.core.registry.adaptations import write_classifier
from tests.conftest import Ingested
from tests.servers.search_service import SearchService

MAX_REQUESTS = 60


@dataclass(frozen=True)
class Given:
    """What a service is started with, a probe, and the number of images of the gallery."""

    model: Path
    gallery: Path
    data_root: str
    probe: Path
    images: int

    @property
    def settings(self) -> dict[str, object]:
        return {"model": str(self.model), "gallery": str(self.gallery), "data_root": self.data_root}

    def parsed(self, **others: object) -> ServeSettings:
        return ServeSettings.parse({**self.settings, **{name: str(value) for name, value in others.items()}})


@pytest.fixture(scope="session")
def given(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Given:
    folder = tmp_path_factory.mktemp("service")
    classifier = write_classifier(folder / "classifier", ingested)
    parts = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    save_adaptation(folder / "model", "adabn", classifier=classifier, **parts)
    gallery = Manifest.load(ingested.target)
    gallery.save(folder / "gallery")
    probe = sorted((ingested.folder / "underground_reid" / "probe").iterdir())[0]
    return Given(folder / "model", folder / "gallery", ingested.data_root, probe, len(gallery.images))


@pytest.fixture(scope="session")
def service(given: Given, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchService]:
    log = tmp_path_factory.mktemp("log") / "service.log"
    limits = {"max_requests": MAX_REQUESTS, "max_pixels": 1_000_000, "watch_seconds": 0.2}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OMP_NUM_THREADS", "2")  # two batches at a time
        service = SearchService(log, **given.settings, **limits)
    service.wait_for("Ready")
    yield service
    service.stop()
