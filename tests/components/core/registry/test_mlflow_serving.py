"""A registered model behind MLflow's own server, which answers with features."""

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import torch

from mlflow import MlflowClient
from simpgan.components.core.data.image_tensors import decode
from simpgan.components.core.registry.adaptation import load_adaptation, save_adaptation
from simpgan.components.core.registry.model_registry import CHAMPION, ModelRegistry
from tests.components.core.registry.adaptations import write_classifier
from tests.conftest import Ingested
from tests.docs.blocks import blocks
from tests.servers.ports import free_port

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture
def model(client: MlflowClient, ingested: Ingested, tmp_path: Path) -> Path:
    """The folder of an adaptation that is the champion of the model `cameras`."""
    parts = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    classifier = write_classifier(tmp_path / "classifier", ingested)
    save_adaptation(tmp_path / "adaptation", "adabn", classifier=classifier, **parts)
    registry = ModelRegistry("cameras")
    registry.set_alias(CHAMPION, registry.register(tmp_path / "adaptation", card="# Card", tags={}, metrics={}))
    return tmp_path / "adaptation"


@pytest.fixture
def address(model: Path, tmp_path: Path) -> Iterator[str]:
    """Where MLflow serves it, as docs/serving.md says."""
    port = free_port()
    options = ["--model-uri", "models:/cameras@champion", "--env-manager", "local", "--port", str(port)]
    # The code is the model's own, not that of this folder.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", *options],
            cwd=tmp_path,
            env=environment,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    while not answers(f"{address}/ping"):
        assert server.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.2)
    yield address
    server.terminate()
    server.wait(60)


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).ok
    except requests.ConnectionError:
        return False


def invoke(address: str, *contents: bytes) -> requests.Response:
    """Ask for the features of encoded images."""
    rows = [[b64encode(content).decode()] for content in contents]
    body = {"dataframe_split": {"columns": ["image"], "data": rows}}
    return requests.post(f"{address}/invocations", json=body, timeout=60)


def test_the_command_of_the_documentation_is_answered(address: str, model: Path, ingested: Ingested) -> None:
    [command] = [block.text for block in blocks() if block.text.startswith("curl --fail --json")]
    probe = sorted((ingested.folder / "underground_reid" / "probe").iterdir())[0]
    command = command.replace("http://127.0.0.1:5001", address).replace("somebody.jpg", str(probe))
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    [feature] = json.loads(ran.stdout)["predictions"]
    assert len(feature) == load_adaptation(model).dimensions


def test_encoded_images_are_answered_with_features(address: str, model: Path, ingested: Ingested) -> None:
    probes = [path.read_bytes() for path in sorted((ingested.folder / "underground_reid" / "probe").iterdir())[:2]]
    answered = invoke(address, *probes)
    assert answered.status_code == 200, answered.text
    adaptation = load_adaptation(model)
    images = torch.from_numpy(np.stack([decode(probe, *adaptation.size) for probe in probes]))
    np.testing.assert_allclose(answered.json()["predictions"], adaptation.features(images), atol=1e-5)
    refused = invoke(address, b"who is who")
    assert refused.status_code == 400
    assert "not a JPEG, PNG or BMP image" in refused.text
