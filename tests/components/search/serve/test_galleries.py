"""A gallery that changes while it is searched."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.registry.adaptation import load_adaptation
from simpgan.components.search.serve.galleries import Galleries
from simpgan.components.search.storing import store_gallery
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
    until(lambda: "gone.parquet" in service.log.read_text())
    assert "the gallery in use stays: no such file: " in service.log.read_text()
    assert service.search(content).json()["images"] == given.images
    (given.gallery / "images.parquet").unlink()
    until(lambda: "it has no images.parquet" in service.log.read_text())
    assert service.search(content).json()["images"] == given.images
    fewer(whole, 6).save(given.gallery)
    until(lambda: service.get("about").json()["images"] == 6)
    whole.save(given.gallery)
    until(lambda: service.get("about").json()["images"] == given.images)


@pytest.mark.parametrize("place", ["manifest", "stored gallery", "object store"])
def test_the_cache_keeps_the_last_two_galleries_and_no_others(
    given: Given, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A service that runs for months sees many."""
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    whole, adaptation = Manifest.load(given.gallery), load_adaptation(given.model)
    stored = place != "manifest"
    if place == "object store":
        location = f"{request.getfixturevalue('object_store').location}/gallery"
    else:
        location = str(tmp_path / "gallery")

    def put(images: int) -> None:
        if stored:
            store_gallery(location, fewer(whole, images), adaptation, given.data_root)
        else:
            fewer(whole, images).save(location)

    def kept() -> list[int]:
        """How many images the features in the cache are of, without those of the threshold, which are more."""
        paths = (tmp_path / "cache").glob("galleries/*/features.npy" if stored else "features/*.npy")
        return sorted(length for path in paths if (length := len(np.load(path, mmap_mode="r"))) < 10)

    put(5)
    galleries = Galleries(given.parsed(gallery=location, watch_seconds=0.01))

    async def work() -> None:
        watching = asyncio.create_task(galleries.keep_current(lambda _: None))
        for images in (6, 7, 8, 5):
            put(images)
            while galleries.current is None or len(galleries.current) != images:
                await asyncio.sleep(0.01)
        end = time.monotonic() + 60
        while kept() != [5, 8] and time.monotonic() < end:
            await asyncio.sleep(0.01)
        watching.cancel()
        galleries.stop()

    asyncio.run(work())
    assert kept() == [5, 8]


def test_a_cache_that_cannot_be_written_leaves_the_gallery_in_use(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    whole, features = Manifest.load(given.gallery), tmp_path / "cache" / "features"
    fewer(whole, 5).save(tmp_path / "gallery")
    galleries = Galleries(given.parsed(gallery=tmp_path / "gallery", watch_seconds=0.01))

    async def work() -> None:
        watching = asyncio.create_task(galleries.keep_current(lambda _: None))
        while galleries.current is None:
            await asyncio.sleep(0.01)
        features.rename(tmp_path / "before")
        features.write_text("no folder")
        fewer(whole, 6).save(tmp_path / "gallery")
        while "File exists" not in caplog.text:
            await asyncio.sleep(0.01)
        assert len(galleries.current) == 5
        features.unlink()
        while len(galleries.current) != 6:
            await asyncio.sleep(0.01)
        watching.cancel()
        galleries.stop()

    asyncio.run(work())
