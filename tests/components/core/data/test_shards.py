"""Shards keep bytes as they are, in files that are named by what they hold."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import ROWS_PER_GROUP, WrittenShards, read_images, shard_location, write_shards
from simpgan.components.core.errors import UserError
from tests.components.core.object_store import ObjectStore

ITEMS = [(f"{number:04}.jpg", bytes([number % 251]) * (number % 97)) for number in range(300)]


def manifest_of(shards: WrittenShards) -> Manifest:
    names = [name for name, _ in ITEMS]
    images = shards.table.assign(name=names, width=1, height=1, person=pd.NA, camera=pd.NA, time=pd.NA)
    roles = pd.DataFrame({"image": [0], "protocol": "p", "fold": 0, "role": "train"})
    return Manifest("d", images, roles)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Manifest]:
    root = str(tmp_path_factory.mktemp("root"))
    shards = write_shards(root, ITEMS, shard_bytes=4_000)
    assert len(shards.written) == 4, "14,316 bytes"
    return root, manifest_of(shards)


@settings(deadline=None)
@given(st.lists(st.integers(0, len(ITEMS) - 1), max_size=60))
def test_any_rows_come_in_any_order(stored: tuple[str, Manifest], rows: list[int]):
    assert list(read_images(*stored, rows)) == [ITEMS[row][1] for row in rows]


def test_windows_join_without_a_seam(stored: tuple[str, Manifest], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("simpgan.components.core.data.shards.WINDOW_BYTES", 500)
    rows = np.random.default_rng(0).permutation(len(ITEMS))
    assert list(read_images(*stored, rows)) == [ITEMS[row][1] for row in rows]


def test_what_is_there_is_not_written_again(tmp_path: Path):
    first = write_shards(str(tmp_path), ITEMS)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    second = write_shards(str(tmp_path), ITEMS)
    assert (second.written, second.present) == ((), first.written)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    pd.testing.assert_frame_equal(first.table, second.table)


def test_the_name_tells_content_order_and_names(tmp_path: Path):
    def name(items: list[tuple[str, bytes]]) -> str:
        return write_shards(str(tmp_path), items).table["shard"][0]

    pair = [("a", b"1"), ("b", b"2")]
    others = [[("b", b"2"), ("a", b"1")], [("a", b"1"), ("c", b"2")], [("a", b"1"), ("b", b"3")], [("a", b"1")]]
    assert len({name(pair), *map(name, others)}) == 5


def test_the_file_is_a_hugging_face_image_column_in_small_row_groups(tmp_path: Path):
    write_shards(str(tmp_path), ITEMS)
    (path,) = (tmp_path / "shards").iterdir()
    with pq.ParquetFile(path) as file:
        features = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
        assert features == {"image": {"_type": "Image"}}
        assert {file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)} == {ROWS_PER_GROUP, 44}
        assert file.read().to_pylist() == [{"image": {"bytes": image, "path": name}} for name, image in ITEMS]


def test_a_stream_that_breaks_leaves_no_shard_behind(tmp_path: Path):
    def broken() -> Iterator[tuple[str, bytes]]:
        yield from ITEMS[:50]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_shards(str(tmp_path), broken())
    assert not list(tmp_path.iterdir())


def test_no_images_are_no_shards(tmp_path: Path):
    shards = write_shards(str(tmp_path), [])
    assert (shards.written, len(shards.table)) == ((), 0)


def test_a_data_root_without_the_shard_is_named(stored: tuple[str, Manifest], tmp_path: Path):
    with pytest.raises(UserError, match=f"no such file: {tmp_path}/shards/"):
        next(read_images(str(tmp_path), stored[1], [0]))


def test_shards_in_an_object_store_are_downloaded_once(object_store: ObjectStore):
    root = f"{object_store.location}/data"
    shards = write_shards(root, ITEMS, shard_bytes=4_000)
    assert object_store.keys() == sorted(f"data/shards/{name}.parquet" for name in shards.written)
    assert write_shards(root, ITEMS, shard_bytes=4_000).written == ()
    manifest = manifest_of(shards)
    everything = [image for _, image in ITEMS]
    assert list(read_images(root, manifest, range(len(ITEMS)))) == everything
    stored_keys = object_store.keys()
    for key in stored_keys:
        object_store.client.delete_object(Bucket=object_store.bucket, Key=key)
    assert list(read_images(root, manifest, range(len(ITEMS)))) == everything


@settings(deadline=None, max_examples=60)
@given(place=st.integers(0, 10**6), change=st.integers(1, 255), cut=st.booleans())
def test_a_changed_shard_gives_the_same_images_or_is_named(
    stored: tuple[str, Manifest], tmp_path_factory: pytest.TempPathFactory, place: int, change: int, cut: bool
):
    """Wherever a byte differs or the file ends."""
    manifest = stored[1]
    (shard,) = manifest.images["shard"][:1]
    content = bytearray(Path(shard_location(stored[0], shard)).read_bytes())
    place %= len(content)
    content[place] ^= change
    root = tmp_path_factory.mktemp("changed")
    path = Path(shard_location(str(root), shard))
    path.parent.mkdir()
    path.write_bytes(content[:place] if cut else content)
    rows = np.flatnonzero(manifest.images["shard"] == shard)
    named = f"{path} is damaged"
    outcome = images_or_damage(str(root), manifest, rows)
    assert outcome == [ITEMS[row][1] for row in rows] or (str(outcome).startswith(named) and "\n" not in outcome)


def images_or_damage(root: str, manifest: Manifest, rows: np.ndarray) -> list[bytes] | str:
    try:
        return list(read_images(root, manifest, rows))
    except UserError as damage:
        return str(damage)


def test_two_flipped_bytes_in_an_image_are_found(stored: tuple[str, Manifest], tmp_path: Path):
    """The file is a whole Parquet file still."""
    root, manifest = stored
    shutil.copytree(Path(root) / "shards", tmp_path / "shards")
    path = Path(shard_location(str(tmp_path), manifest.images["shard"][0]))
    content, image = path.read_bytes(), ITEMS[80][1]
    changed = b"??" + image[2:]
    path.write_bytes(content.replace(image, changed))
    assert next(read_images(str(tmp_path), manifest, [79])) == ITEMS[79][1]
    with pytest.raises(UserError, match=r"is damaged \(the bytes of its image 80 have changed\): delete it"):
        list(read_images(str(tmp_path), manifest, [80]))


def test_of_a_damaged_copy_the_object_is_named_too(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path))
    root = f"{object_store.location}/data"
    manifest = manifest_of(write_shards(root, ITEMS))
    assert next(read_images(root, manifest, [5])) == ITEMS[5][1]
    (copy,) = tmp_path.rglob("*.parquet")
    copy.write_bytes(copy.read_bytes()[:2000])
    with pytest.raises(UserError, match=f"{copy}, the copy of {root}/shards/.*, is damaged .*: delete the copy"):
        next(read_images(root, manifest, [5]))
    copy.unlink()
    assert next(read_images(root, manifest, [5])) == ITEMS[5][1]
