"""A gallery that changes while it is searched."""

import time
from collections.abc import Callable

import pytest

from simpgan.components.core.data.manifest import Manifest
from tests.components.search.serve.conftest import Given
from tests.servers.search_service import SearchService

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def fewer(gallery: Manifest, images: int) -> Manifest:
    """The first images of a gallery."""
    roles = gallery.roles[gallery.roles["image"] < images]
    return Manifest(gallery.dataset, gallery.images[:images], roles, source_protocol=gallery.source_protocol)


def test_a_changed_manifest_is_searched_and_nobody_notices_the_change(service: SearchService, given: Given) -> None:
    whole, content = Manifest.load(given.gallery), given.probe.read_bytes()
    crop = service.search(content, top=1).json()["found"][0]["crop"]
    fewer(whole, 5).save(given.gallery)
    sizes = []

    def smaller() -> bool:
        answered = service.search(content)
        assert answered.status_code == 200
        sizes.append(answered.json()["images"])
        return sizes[-1] == 5

    until(smaller)
    assert set(sizes) <= {given.images, 5}
    assert len(service.search(content).json()["found"]) == 5
    assert service.get(crop).status_code == 410
    whole.save(given.gallery)
    until(lambda: service.get("about").json()["images"] == given.images)


def test_a_manifest_that_cannot_be_loaded_leaves_the_gallery_in_use(service: SearchService, given: Given) -> None:
    whole, content = Manifest.load(given.gallery), given.probe.read_bytes()
    lost = Manifest(whole.dataset, whole.images.assign(shard="gone"), whole.roles)
    lost.save(given.gallery)
    until(lambda: "the gallery in use stays" in service.log.read_text())
    assert service.search(content).json()["images"] == given.images
    (given.gallery / "images.parquet").unlink()
    until(lambda: "it has no images.parquet" in service.log.read_text())
    assert service.search(content).json()["images"] == given.images
    fewer(whole, 6).save(given.gallery)
    until(lambda: service.get("about").json()["images"] == 6)
    whole.save(given.gallery)
    until(lambda: service.get("about").json()["images"] == given.images)
