"""A stored gallery finds what its manifest finds, from a folder or an object store, and tells damage in a line."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.joined import JoinedInference
from simpgan.components.core.registry.adaptation import Adaptation, load_adaptation, save_adaptation
from simpgan.components.search import Searcher
from simpgan.components.search.page import write_page
from simpgan.components.search.stored_gallery import StoredGallery
from simpgan.components.search.storing import store_gallery
from simpgan.pipelines.cli.search import gallery as gallery_command
from simpgan.pipelines.cli.search import search
from tests.components.core.object_store import ObjectStore
from tests.components.core.registry.adaptations import write_classifier, write_two_cameras
from tests.conftest import Ingested

SMALL_PARTS = 4 * 512 * 7
"""Seven images of ResNet-18's features."""


@pytest.fixture(scope="module")
def model(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an adaptation with statistics per camera; its target beside it."""
    folder = tmp_path_factory.mktemp("model")
    write_two_cameras(folder / "target", ingested)
    given = {"source": ingested.source, "target": folder / "target", "data_root": ingested.data_root}
    classifier = write_classifier(folder / "classifier", ingested)
    save_adaptation(folder / "model", "camera-adabn", classifier=classifier, protocol="all250", **given)
    return folder / "model"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def adaptation(model: Path) -> Adaptation:
    return load_adaptation(model)


@pytest.fixture
def target(model: Path) -> Manifest:
    return Manifest.load(model.parent / "target")


@pytest.fixture
def probes(ingested: Ingested) -> list[Path]:
    return sorted((ingested.folder / "underground_reid" / "probe").iterdir())[:3]


def test_a_gallery_in_an_object_store_finds_what_its_manifest_finds(
    model: Path,
    adaptation: Adaptation,
    target: Manifest,
    ingested: Ingested,
    probes: list[Path],
    object_store: ObjectStore,
    tmp_path: Path,
) -> None:
    location = f"{object_store.location}/galleries/station"
    stored = store_gallery(location, target, adaptation, ingested.data_root, part_bytes=SMALL_PARTS)
    assert [part.images for part in stored.description.parts][:2] == [7, 7]
    assert len(stored) == len(target.images)
    opened, computed = (
        Searcher.open(model, place, ingested.data_root) for place in (location, model.parent / "target")
    )
    assert opened.gallery.features == pytest.approx(computed.gallery.features, abs=1e-5)
    found = opened.search(probes, top=20)
    expected = computed.search(probes, top=20)
    pd.testing.assert_frame_equal(found, expected, atol=1e-5)
    for gallery in (opened.gallery, computed.gallery):
        part = gallery.part(np.array([2, 9, 20]))
        pd.testing.assert_frame_equal(part.images, target.images.iloc[[2, 9, 20]].reset_index(drop=True))
    assert opened.gallery.cameras == computed.gallery.cameras == {"1", "2"}
    assert (opened.gallery.dataset, len(opened.gallery)) == (target.dataset, len(target.images))
    write_page(tmp_path / "search.html", opened, found)
    assert (tmp_path / "search.html").read_text().count("<img") == 3 * 21


def test_parts_that_are_there_are_not_computed_again(
    adaptation: Adaptation, target: Manifest, ingested: Ingested, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    extract = JoinedInference.extract_into

    def counted(looking: JoinedInference, made: NDArray[np.float32], *others: Any) -> None:
        computed.append(len(made))
        extract(looking, made, *others)

    monkeypatch.setattr(JoinedInference, "extract_into", counted)
    count = len(target.images)

    def store(images: pd.DataFrame) -> StoredGallery:
        computed.clear()
        manifest = Manifest(target.dataset, images, target.roles[target.roles["image"] < len(images)])
        return store_gallery(str(tmp_path), manifest, adaptation, ingested.data_root, part_bytes=SMALL_PARTS)

    whole = store(target.images)
    assert sum(computed) == count
    assert store(target.images).digest == whole.digest
    assert computed == []
    fewer = store(target.images.iloc[:-1])
    assert computed == [count % 7 - 1]
    assert fewer.digest != whole.digest
    renamed = target.images.assign(camera=np.where(target.images.index == 0, 2, target.images["camera"]))
    store(renamed)
    assert computed == [7], "the statistics of another camera make other features"


def test_others_read_the_parts_as_tables(
    adaptation: Adaptation, target: Manifest, ingested: Ingested, tmp_path: Path
) -> None:
    stored = store_gallery(str(tmp_path), target, adaptation, ingested.data_root)
    (part,) = (tmp_path / "parts").iterdir()
    table = pd.read_parquet(part)
    assert table.columns.tolist() == [*target.images.columns, "feature"]
    pd.testing.assert_frame_equal(table.drop(columns="feature"), target.images)
    assert np.stack(table["feature"]) == pytest.approx(stored.features)
    assert np.linalg.norm(stored.features, axis=1) == pytest.approx(1, abs=1e-5)
    assert pq.read_schema(part).field("feature").type.list_size == adaptation.dimensions


def test_the_local_copy_is_made_once(
    adaptation: Adaptation, target: Manifest, ingested: Ingested, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store_gallery(str(tmp_path), target, adaptation, ingested.data_root).features
    monkeypatch.setattr(StoredGallery, "read_part", lambda *_: pytest.fail("it is there"))
    assert StoredGallery.open(str(tmp_path)).features.tolist() == first.tolist()


def test_what_cannot_be_searched_is_told_in_a_line(
    model: Path, adaptation: Adaptation, target: Manifest, ingested: Ingested, tmp_path: Path
) -> None:
    place = tmp_path / "gallery"
    store_gallery(str(place), target, adaptation, ingested.data_root)
    other = tmp_path / "other"
    given = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    save_adaptation(other, "direct", classifier=write_classifier(tmp_path / "classifier", ingested, 1), **given)
    (part,) = (place / "parts").iterdir()
    content = part.read_bytes()

    def damaged(changed: bytes) -> None:
        part.write_bytes(changed)
        _ = StoredGallery.open(str(place)).features

    with pytest.raises(UserError, match="was stored for another model"):
        Searcher.open(other, place, ingested.data_root)
    with pytest.raises(UserError, match="no stored gallery in"):
        StoredGallery.open(str(tmp_path))
    middle = len(content) // 2
    with pytest.raises(UserError, match=r"parquet is damaged .*: delete it, and store the gallery again"):
        damaged(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    with pytest.raises(UserError, match="parquet is damaged"):
        damaged(content[:-50])
    part.unlink()
    with pytest.raises(UserError, match="no such file"):
        _ = StoredGallery.open(str(place)).features
    (place / "gallery.json").write_text('{"schema": 1}')
    with pytest.raises(UserError, match=r"gallery\.json is damaged"):
        StoredGallery.open(str(place))
    empty = Manifest(target.dataset, target.images.iloc[:0], target.roles.iloc[:0])
    with pytest.raises(UserError, match="has no images"):
        store_gallery(str(place), empty, adaptation, ingested.data_root)


def test_the_commands_store_a_gallery_and_search_it(
    model: Path, ingested: Ingested, probes: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "gallery"
    gallery_command(model.parent / "target", str(model), str(place), ingested.data_root)
    images = len(Manifest.load(ingested.target).images)
    assert capsys.readouterr().out == f"{place}: {images} images of grid, features of 512 numbers\n"
    search(probes[0], str(place), str(model), tmp_path / "out", ingested.data_root, top=3)
    assert len(pd.read_parquet(tmp_path / "out" / "search.parquet")) == 3


def test_a_gallery_of_one_image_is_refused_an_index_before_anything_is_written(
    model: Path, target: Manifest, ingested: Ingested, tmp_path: Path
) -> None:
    target.part(np.array([0])).save(tmp_path / "one")
    with pytest.raises(UserError, match="has one image, and an index of faiss needs two: leave out --faiss"):
        gallery_command(tmp_path / "one", str(model), str(tmp_path / "out"), ingested.data_root, faiss=True)
    assert not (tmp_path / "out").exists()


def test_a_search_by_the_index_finds_what_the_exact_one_finds(
    model: Path, ingested: Ingested, probes: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the cells have fewer images than are asked for, so that all images are compared."""
    place, manifest = tmp_path / "gallery", model.parent / "target"
    gallery_command(manifest, str(model), str(place), ingested.data_root, faiss=True, recall=1)
    assert "The index finds 100.0% of the nearest images, up to " in capsys.readouterr().out
    tables = []
    for faiss in (False, True):
        search(probes[0], str(place), str(model), tmp_path / "out", ingested.data_root, faiss=faiss, top=20)
        tables.append(pd.read_parquet(tmp_path / "out" / "search.parquet"))
    pd.testing.assert_frame_equal(*tables, atol=1e-5)
    with pytest.raises(UserError, match="--faiss searches stored galleries only"):
        search(probes[0], str(manifest), str(model), tmp_path / "out", ingested.data_root, faiss=True)
