"""An index of faiss proposes images, whose similarities are exact; how many of the nearest it finds is measured."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import ROLE_COLUMNS, empty_table
from simpgan.components.core.errors import UserError
from simpgan.components.search import approximate
from simpgan.components.search.approximate import (
    FaissIndex,
    build_index,
    lowest_recall,
    nearest_candidates,
    without_itself,
)
from simpgan.components.search.ranking import nearest
from simpgan.components.search.stored_gallery import GALLERY, Part, StoredDescription, StoredGallery, part_location
from simpgan.components.search.storing import encoded
from tests.components.core.object_store import ObjectStore

COUNT, DIMENSIONS = 2000, 32


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))


def generated(count: int) -> NDArray[np.float32]:
    """Features of people with ten images each."""
    random = np.random.default_rng(0)
    people = np.repeat(random.normal(size=(count // 10 + 1, DIMENSIONS)), 10, axis=0)[:count]
    features = people + random.normal(size=people.shape, scale=0.3)
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)


def stored(location: str, features: NDArray[np.float32]) -> StoredGallery:
    """A stored gallery with these features."""
    table = pd.DataFrame({"name": [f"{number:06}.jpg" for number in range(len(features))]})
    table = table.assign(shard="", position=0, sha256="", width=1, height=1, person=pd.NA, camera=1, time=pd.NA)
    images = Manifest("generated", table, empty_table(ROLE_COLUMNS)).images
    part = Part(name="0" * 64, images=len(features))
    storage.write_bytes(part_location(location, part.name), encoded(images, features))
    description = StoredDescription(
        dataset="generated",
        manifest="",
        model=str(len(features)),
        precision="fp32",
        dimensions=features.shape[1],
        cameras=["1"],
        parts=[part],
    )
    storage.write_bytes(storage.join(location, GALLERY), description.encoded())
    return StoredGallery(location, description)


def share_found(index: FaissIndex, features: NDArray[np.float32], top: int) -> float:
    """Share of the nearest that the index finds for every image without itself, counted one by one."""
    exact, _ = nearest(features, features, top + 1)
    found, _ = nearest_candidates(index.index, features, features, top + 1)
    shares = []
    for row in range(len(features)):
        wanted, got = (set([each for each in rows[row].tolist() if each != row][:top]) for rows in (exact, found))
        shares.append(len(wanted & got) / len(wanted))
    return float(np.mean(shares))


@pytest.mark.parametrize("wanted", [0.5, 0.9])
def test_as_many_cells_are_searched_as_the_wanted_recall_needs(
    tmp_path: Path, wanted: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = generated(COUNT)
    monkeypatch.setattr(approximate, "PROBES", COUNT)
    made = build_index(stored(str(tmp_path), features), wanted)
    recalls = [each.recall for each in made.description.measured]
    cells = [each.cells for each in made.description.measured]
    assert cells == [2**step for step in range(len(cells))]
    assert all(recall < wanted for recall in recalls[:-1])
    assert recalls[-1] >= wanted or cells[-1] == made.index.nlist
    lowest = min(share_found(made, features, top) for top in range(1, 21))
    assert lowest == pytest.approx(recalls[-1], abs=0.002)


def test_the_recall_is_the_lowest_of_those_for_fewer_images() -> None:
    expected = np.array([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7]], np.float32)
    found = np.array([[0.8, 0.7, 0.6], [0.9, 0.8, 0.7]], np.float32)
    assert lowest_recall(found, expected) == 1 / 2, "the nearest one is found for one of two"
    found = np.array([[0.9, 0.8, 0.1], [0.9, 0.8, 0.2]], np.float32)
    assert lowest_recall(found, expected) == pytest.approx(2 / 3)


def test_more_than_the_recall_is_known_for_are_searched_exactly(tmp_path: Path) -> None:
    features = generated(COUNT)
    index = build_index(stored(str(tmp_path), features), 0.05)
    assert index.description.used.cells < index.index.nlist
    probes = features[:20] + 0.5 * features[20:40]
    for found, exact in zip(index.nearest(probes, features, 21), nearest(probes, features, 21), strict=True):
        assert found.tolist() == exact.tolist()


def test_similarities_are_exact_and_fall(tmp_path: Path) -> None:
    features = generated(COUNT)
    index = build_index(stored(str(tmp_path), features), 0.9)
    rows, similarities = index.nearest(features[:50], features, 20)
    assert similarities == pytest.approx(np.einsum("pd,ptd->pt", features[:50], features[rows]), abs=1e-5)
    assert (np.diff(similarities, axis=1) <= 0).all()
    assert all(len(set(each)) == 20 for each in rows.tolist())
    assert rows[:, 0].tolist() == list(range(50)), "an image is most like itself"


def test_all_that_are_asked_for_come_though_the_cells_have_too_few(tmp_path: Path) -> None:
    features = generated(60)
    index = build_index(stored(str(tmp_path), features), 0.05)
    assert index.description.used.cells == 1
    rows, similarities = nearest_candidates(index.index, features[:3], features, 100)
    assert rows.tolist() == nearest(features[:3], features, 100)[0].tolist()
    assert similarities.shape == (3, 60)


def test_an_index_lies_beside_the_gallery_and_is_of_that_gallery_only(object_store: ObjectStore) -> None:
    features = generated(300)
    location = f"{object_store.location}/gallery"
    gallery = stored(location, features)
    made = build_index(gallery, 0.9)
    read = FaissIndex.open(StoredGallery.open(location))
    assert read.description == made.description
    for each, other in zip(read.nearest(features, features, 5), made.nearest(features, features, 5), strict=True):
        assert each.tolist() == other.tolist()
    newer = stored(location, generated(310))
    with pytest.raises(UserError, match="has no index of faiss: make it again with simpgan gallery --faiss"):
        FaissIndex.open(newer)


def test_what_is_no_index_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = stored(str(tmp_path), generated(300))
    build_index(gallery, 0.9)
    [index], [description] = (sorted((tmp_path / "faiss").glob(f"*.{end}")) for end in ("index", "json"))
    content = index.read_bytes()
    for damage in (content[:-100], b"no index"):
        index.write_bytes(damage)
        with pytest.raises(UserError, match=r"\.index is damaged \(.*\): make it again") as refused:
            FaissIndex.open(gallery)
        assert "\n" not in str(refused.value)
    said = json.loads(description.read_text())
    description.write_text(json.dumps({**said, "measured": []}))
    with pytest.raises(UserError, match=r"\.json is damaged"):
        FaissIndex.open(gallery)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match=r"pip install 'simpgan\[faiss\]'"):
        build_index(gallery, 0.9)


def test_two_images_have_an_index_and_a_single_one_is_refused(tmp_path: Path) -> None:
    index = build_index(stored(str(tmp_path / "two"), generated(2)), 0.95)
    assert index.description.top == 1
    one = stored(str(tmp_path / "one"), generated(1))
    with pytest.raises(UserError, match="generated has one image, and an index of faiss needs two: leave out --faiss"):
        build_index(one, 0.95)
    assert not (tmp_path / "one" / "faiss").exists()


def test_an_image_does_not_count_as_found_by_itself() -> None:
    found = np.array([[4, 7, 9], [5, 6, 7]])
    similarities = np.array([[1, 0.5, 0.4], [0.9, 0.8, 0.7]], np.float32)
    kept = without_itself(np.array([7, 8]), found, similarities)
    assert kept.tolist() == np.array([[1, 0.4], [0.9, 0.8]], np.float32).tolist()
