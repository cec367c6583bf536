"""Digests of images, from Debian's image registry, and what is said where there are none."""

import base64
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time

import pytest
import requests
import yaml

from simpgan.components.core import images
from simpgan.components.core.errors import UserError
from simpgan.components.core.images import StageImages
from simpgan.pipelines.cli.images import check, lock
from simpgan.pipelines.cluster import image_registry
from simpgan.pipelines.images.build import IMAGES
from tests.servers.foreign import ANSWERS, answering

PASSWORD = "somebody:$2b$04$abcdefghijklmnopqrstuu2Vo3TWutZSHUfluiaHt5gekKPzGepHC"
"""A line of htpasswd: the password is `correct`."""
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def start_registry(folder, **more):
    """A registry that keeps its images in `folder`, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    storage = {"filesystem": {"rootdirectory": str(folder / "images")}, "delete": {"enabled": True}}
    settings = {"version": 0.1, "storage": storage, "http": {"addr": address}, "log": {"level": "error"}, **more}
    (folder / "registry.yml").write_text(yaml.safe_dump(settings))
    program = shutil.which("docker-registry")
    assert program, "docker-registry is missing: apt-get install docker-registry"
    server = subprocess.Popen([program, "serve", str(folder / "registry.yml")], stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            requests.get(f"http://{address}/v2/", timeout=5)
            return server, address
        except requests.ConnectionError:
            assert server.poll() is None
            time.sleep(0.1)
    raise AssertionError("the registry does not start")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    server, address = start_registry(tmp_path_factory.mktemp("registry"))
    yield address
    server.terminate()
    server.wait()


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """The file of the lock, and nobody's registry or password in the environment."""
    monkeypatch.delenv("SIMPGAN_REGISTRY", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(images, "LOCK", tmp_path / "digests.json")
    return tmp_path / "digests.json"


def push(address, name, content=b"{}"):
    """Store an image of no layers. Returns the digest of its manifest."""
    config = f"sha256:{hashlib.sha256(content).hexdigest()}"
    place = requests.post(f"http://{address}/v2/{name}/blobs/uploads/", timeout=30).headers["Location"]
    requests.put(place, params={"digest": config}, data=content, timeout=30).raise_for_status()
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(content), "digest": config}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
    url = f"http://{address}/v2/{name}/manifests/latest"
    requests.put(url, json.dumps(manifest), headers={"Content-Type": MANIFEST}, timeout=30).raise_for_status()
    return f"sha256:{hashlib.sha256(json.dumps(manifest).encode()).hexdigest()}"


@pytest.mark.registry
def test_pushed_images_are_locked_by_their_digests_until_one_is_gone(address, locked, capsys):
    pushed = {stage: push(address, f"reid/{stage.replace('_', '-')}", stage.encode()) for stage in IMAGES}
    lock(f"{address}/reid/")
    found = StageImages.locked()
    assert found.registry == f"{address}/reid"
    for stage, digest in pushed.items():
        assert found.reference(stage) == f"{address}/reid/{stage.replace('_', '-')}@{digest}"
    assert capsys.readouterr().out == f"{len(IMAGES)} digests in {locked}\n"
    check()
    push(address, "reid/ingest", b"newer")
    check()  # a tag that has moved on takes no digest away
    url = f"http://{address}/v2/reid/train-gan/manifests/{pushed['train_gan']}"
    requests.delete(url, timeout=30).raise_for_status()
    with pytest.raises(UserError, match=r"no longer has the locked images of train_gan: push and lock again"):
        check()


@pytest.mark.registry
def test_an_image_that_was_not_pushed_is_named_and_nothing_is_locked(address, locked):
    push(address, f"half/{IMAGES[0]}")
    message = rf"^{address}/half/{IMAGES[1]}:latest is not in the registry: build the image and push it first$"
    with pytest.raises(UserError, match=message):
        lock(f"{address}/half")
    assert not locked.exists()


@pytest.mark.registry
def test_a_registry_with_passwords_is_asked_with_that_of_docker_login(tmp_path, locked):
    (tmp_path / "passwords").write_text(PASSWORD)
    access = {"htpasswd": {"realm": "images", "path": str(tmp_path / "passwords")}}
    server, address = start_registry(tmp_path, auth=access)
    try:
        with pytest.raises(UserError, match=f"does not let us see reid/ingest: docker login {address}"):
            image_registry.digest_of(f"{address}/reid/ingest", "latest")
        login = base64.b64encode(b"somebody:correct").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {address: {"auth": login}}}))
        assert image_registry.digest_of(f"{address}/reid/ingest", "latest") == ""
    finally:
        server.terminate()
        server.wait()


def test_a_registry_that_asks_for_a_token_gets_one(locked):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            allowed = self.headers.get("Authorization") == "Bearer for repository:reid/ingest:pull"
            self.send_response(200 if allowed else 401)
            realm = f"http://127.0.0.1:{self.server.server_port}/token"
            asked = f'Bearer realm="{realm}",service="images",scope="repository:reid/ingest:pull"'
            self.send_header(*(("Docker-Content-Digest", "sha256:1") if allowed else ("WWW-Authenticate", asked)))
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            assert self.path == "/token?service=images&scope=repository%3Areid%2Fingest%3Apull"
            self.wfile.write(json.dumps({"token": "for repository:reid/ingest:pull"}).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        assert image_registry.digest_of(f"127.0.0.1:{server.server_port}/reid/ingest", "latest") == "sha256:1"
        server.shutdown()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("simpgan", f"'simpgan/{IMAGES[0]}' names no registry: give one with its host"),
        ("127.0.0.1:1/reid", "the registry 127.0.0.1:1 does not answer (ConnectionError): is its name right?"),
    ],
)
def test_a_registry_that_cannot_be_asked_is_named(locked, name, message):
    with pytest.raises(UserError) as refused:
        lock(name)
    assert str(refused.value).startswith(message)


def test_without_a_lock_there_is_nothing_to_check(locked):
    with pytest.raises(UserError, match=r"push the images, then simpgan images lock"):
        check()
    assert os.listdir(locked.parent) == []


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_server_of_another_kind_is_named(kind):
    with answering(*ANSWERS[kind]) as address, pytest.raises(UserError, match="not as an image registry does: correct"):
        image_registry.digest_of(f"{address.removeprefix('http://')}/somebody/simpgan-pretrain", "latest")


def test_a_place_for_tokens_that_gives_none_is_no_failure():
    with answering(200, "application/json", "[]") as realm:
        assert image_registry.authorize("somewhere.test", f'Bearer realm="{realm}",service="registry"') == "Bearer "
