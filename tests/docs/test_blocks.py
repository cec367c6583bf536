"""Every command block of the documentation does what the text says, as it stands there.

The blocks run in reading order, README first, in one folder, as a reader tries them. Only this differs:
names of presets stand for tests/docs/presets.yaml, example hosts for servers of the tests, and REPLACED is replaced.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests import warm_python
from tests.containers import base_images
from tests.docs import working_folder
from tests.docs.blocks import Block, blocks
from tests.pipelines.kubeflow_server import served
from tests.servers.ports import free_port
from tests.servers.seaweedfs import S3

pytestmark = pytest.mark.local

NOT_RUN = {
    "make test": "runs this test",
    "make lint": "is run before the tests",
    "make check": "runs the tests",
    "simpgan run adapt --source cuhk01:CUHK01": "records a run of the past; the README has its like",
    "simpgan run table1 --source cuhk01:CUHK01": "records a run of the past; docs/usage.md has its like",
    "simpgan run table1 --preset small --method direct,self-training": "likewise; its target is too small here",
    "simpgan self-train --target cuhk01": "records a run of the past; docs/usage.md has its like",
    "simpgan run table1 --preset paper": "trains for weeks; docs/usage.md has its like",
    "make demo  ": "records a run of the past; the README has its like",
    "python -m tests.benchmarks": "measures for minutes",
    'size="--height': "likewise, on a GPU",
    "make images   ": "wants a registry that is the reader's own",
    "sudo ": "is what the test does that needs the images",
    "docker build": "wants a cluster and a registry; test_manifests.py and test_laptop.py check what it applies",
    "kind ": "wants kind; test_kubeflow_page.py and test_laptop.py check what it names",
    "kubectl ": "wants a cluster; likewise",
    "mlflow models serve": "test_mlflow_serving.py runs it",
    "curl --fail --json": "likewise",
    "export SECRETS=": "wants images of a registry; test_backup.py runs the programs",
}
"""How blocks begin that are not run, and why."""

REPLACED = {
    "--seed 0 --seed 1 --seed 2 --preset paper": "--seed 0 --preset paper --protocol all250 --method umdl,simpgan",
}

GOES_ON = {
    "make mlflow": "Runs of a shell",
    "simpgan ui": "(Ctrl-C ends it)",
    "MLFLOW_TRACKING_URI=sqlite:///runs/station/mlflow.db simpgan serve": "Ready: ",
}
"""How blocks begin that run until Ctrl-C, and what they say when they are ready."""

SECRET = "mlflow-data/secrets/MLFLOW_AUTH_ADMIN_PASSWORD"
NEW_PASSWORD = "changed-by-the-reader"

NEEDS_IMAGES = "make images"


class Shell:
    """A shell in the working folder, which keeps what a document exports.

    Args:
        environment: at the start of every document.
        replaced: texts to be replaced in blocks.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], replaced: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.replaced = replaced
        self.document = ""
        self.server: subprocess.Popen | None = None

    def run(self, block: Block) -> str:
        """Run a block. Returns what it prints; fails if it does."""
        exported, secret = self.folder / ".exported", self.folder / SECRET
        if block.document != self.document:
            exported.write_text("")
            self.document = block.document
        text = block.text
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        if block.language == "python":
            text = f"python - <<'END'\n{text}END\n"
        script = f"set -eo pipefail\n. ./.exported\n{text}"
        ready = next((words for start, words in GOES_ON.items() if text.startswith(start)), "")
        if ready:
            return self.start(script, ready)  # it exports nothing: it may end after a later document has begun
        ran = subprocess.run(
            ["bash", "-c", f"{script}export -p >.exported\n"],
            cwd=self.folder,
            env=self.environment,
            input=f"{NEW_PASSWORD}\n{secret.read_text()}\n" if secret.exists() else "",
            start_new_session=True,  # without a terminal, passwords are read from the standard input
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{text}\n{ran.stdout}"
        if "getpass" in text:  # the reader goes on with the new one
            exported.write_text(exported.read_text().replace(secret.read_text(), NEW_PASSWORD))
            secret.write_text(NEW_PASSWORD)
        return ran.stdout

    def start(self, script: str, ready: str) -> str:
        """Run what goes on until Ctrl-C up to the line that has `ready`; it ends with the next such block."""
        self.stop()
        self.server = subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.server.stdout
        said = ""
        for line in self.server.stdout:
            said += line
            if ready in line:
                break
        address = re.search(r"127\.0\.0\.1:(\d+)", said)
        assert address, said
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(address[1])), 1):
                return said
            time.sleep(0.1)
        raise TimeoutError(said)

    def stop(self) -> None:
        """End what goes on as Ctrl-C does."""
        if self.server:
            os.killpg(self.server.pid, signal.SIGINT)
            self.server.wait(60)
            self.server = None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("documentation") / "simpgan"
    working_folder.make(folder)
    with warm_python.programs(folder / ".venv" / "bin", folder / "presets"):
        yield folder


@pytest.fixture(scope="module")
def shell(folder: Path, s3_server: S3) -> Iterator[Shell]:
    working_folder.fill_bucket(folder, s3_server)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "SIMPGAN_", "AWS_"))}
    path = [folder / ".venv" / "bin", Path(sys.executable).parent, kept["PATH"]]
    port = free_port()
    environment = {
        **kept,
        **s3_server.environment,
        "PATH": ":".join(map(str, path)),
        "HOME": str(folder),
        "SIMPGAN_CACHE": str(folder / ".cache"),
        "MLFLOW_PORT": str(port),
        "BASE_IMAGE": base_images.TORCH,
        "SLIM_IMAGE": base_images.SLIM,
    }
    server = f"http://127.0.0.1:{port}"
    hosts = {"http://127.0.0.1:5000": server, "https://mlflow.example.org": server}
    search_port = free_port()
    hosts |= {"simpgan serve": f"simpgan serve --port {search_port}", "127.0.0.1:8000": f"127.0.0.1:{search_port}"}
    with served() as kubeflow:
        hosts["http://localhost:8888"] = kubeflow.address
        hosts["simpgan ui"] = f"simpgan ui --port {free_port()}"
        shell = Shell(folder, environment, {**REPLACED, **hosts})
        yield shell
        shell.stop()


def marked(block: Block) -> object:
    """A block, marked by what it needs."""
    return pytest.param(block, id=str(block), marks=[pytest.mark.docker] if block.text.startswith(NEEDS_IMAGES) else [])


@pytest.mark.parametrize("block", [marked(block) for block in blocks() if not block.text.startswith(tuple(NOT_RUN))])
def test_a_block_can_be_followed(block: Block, shell: Shell, request: pytest.FixtureRequest):
    if block.text.startswith(NEEDS_IMAGES):
        request.getfixturevalue("stage_images")
    said = shell.run(block)
    assert "Traceback" not in said


def test_whatever_is_not_run_or_replaced_still_stands_there():
    texts = [block.text for block in blocks()]
    for start in [*NOT_RUN, *GOES_ON]:
        assert any(text.startswith(start) for text in texts), start
    for old in REPLACED:
        assert any(old in text for text in texts), old
