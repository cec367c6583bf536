"""What ingest writes is read by the libraries that others have: Hugging Face datasets, pandas and DuckDB."""

import io
from pathlib import Path

import datasets
import duckdb
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simpgan.components.core.data.decoding import decode_image
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images, shard_location, write_shards
from tests.conftest import Ingested


@pytest.fixture(scope="module")
def recorded(ingested: Ingested) -> tuple[Manifest, list[bytes]]:
    """The target, and the bytes of its images in the manifest's order."""
    manifest = Manifest.load(ingested.target)
    return manifest, list(read_images(ingested.data_root, manifest, range(len(manifest.images))))


def shards_of(manifest: Manifest, data_root: str) -> list[str]:
    return [shard_location(data_root, shard) for shard in manifest.images["shard"].unique()]


@pytest.mark.parametrize("streaming", [False, True])
def test_hugging_face_shows_shards_as_images(recorded, ingested: Ingested, tmp_path: Path, streaming: bool):
    manifest, contents = recorded
    crops = datasets.load_dataset(
        "parquet",
        data_files=shards_of(manifest, ingested.data_root),
        split="train",
        cache_dir=str(tmp_path),
        streaming=streaming,
    )
    assert crops.features == datasets.Features({"image": datasets.Image()})
    for crop, content in zip(crops, contents, strict=True):
        assert isinstance(crop["image"], Image.Image)
        assert np.array_equal(np.asarray(crop["image"].convert("RGB")), np.asarray(decode_image(content)))


def test_hugging_face_keeps_bytes_and_names_over_several_shards(tmp_path: Path):
    items = [(f"{number}.png", b"%d" % number) for number in range(9)]
    written = write_shards(str(tmp_path / "data"), items, shard_bytes=3)
    files = [shard_location(str(tmp_path / "data"), shard) for shard in written.written]
    assert len(files) == 3
    crops = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    kept = crops.cast_column("image", datasets.Image(decode=False))["image"]
    assert [(each["path"], each["bytes"]) for each in kept] == items


def test_pandas_finds_people_roles_and_images(recorded, ingested: Ingested):
    manifest, contents = recorded
    images = pd.read_parquet(ingested.target / "images.parquet")
    roles = pd.read_parquet(ingested.target / "roles.parquet")
    probes = images.iloc[roles.query("protocol == 'folds10' and fold == 0 and role == 'query'")["image"]]
    rows = manifest.rows("folds10", 0, "query")
    assert probes["person"].tolist() == manifest.images["person"].iloc[rows].tolist()
    one = probes.iloc[-1]
    shard = pd.read_parquet(shard_location(ingested.data_root, one["shard"]))
    found = shard["image"][one["position"]]
    assert (found["path"], found["bytes"]) == (one["name"], contents[rows[-1]])
    assert Image.open(io.BytesIO(found["bytes"])).size == (one["width"], one["height"])


def test_duckdb_joins_images_with_their_bytes_and_roles(recorded, ingested: Ingested):
    """Shards of other data sets under the data root do not matter."""
    manifest, contents = recorded
    joined = duckdb.execute(
        """
        select images.name, shards.image.bytes
        from read_parquet($images) as images
        join read_parquet($shards, filename = true, file_row_number = true) as shards
            on parse_filename(shards.filename, true) = images.shard and shards.file_row_number = images.position
        order by images.name
        """,
        {"images": f"{ingested.target}/images.parquet", "shards": f"{ingested.data_root}/shards/*.parquet"},
    ).fetchall()
    assert [content for _, content in joined] == contents
    counted = duckdb.execute(
        """
        select role, count(*), count(distinct person)
        from read_parquet($roles) as roles
        join read_parquet($images, file_row_number = true) as images on images.file_row_number = roles.image
        where protocol = 'folds10' and fold = 0
        group by role
        """,
        {"images": f"{ingested.target}/images.parquet", "roles": f"{ingested.target}/roles.parquet"},
    ).fetchall()
    assert sorted(counted) == sorted(
        (role, len(rows), manifest.images["person"].iloc[rows].nunique())
        for role in ("train", "query", "gallery")
        for rows in [manifest.rows("folds10", 0, role)]
    )
