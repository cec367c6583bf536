"""An S3 server on this machine, and a bucket in it, for tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest


@dataclass(frozen=True)
class ObjectStore:
    """A bucket, its location (`s3://...`) and a client."""

    bucket: str
    client: Any

    @property
    def location(self) -> str:
        return f"s3://{self.bucket}"

    def fill(self, objects: dict[str, bytes]) -> None:
        """Put objects by their keys."""
        for key, content in objects.items():
            self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def keys(self) -> list[str]:
        """Every key in the bucket, sorted."""
        return sorted(item["Key"] for item in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", []))


@pytest.fixture(scope="session")
def object_server() -> Iterator[str]:
    """The URL of an S3 server, which all tests share."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def object_store(object_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ObjectStore:
    """A fresh bucket, which the environment names the way to; the local cache is the test's own."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    client = boto3.client("s3")
    store = ObjectStore(f"bucket-{uuid4().hex[:8]}", client)
    client.create_bucket(Bucket=store.bucket)
    return store
