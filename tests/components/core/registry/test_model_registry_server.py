"""Versions of a registered model on a team's server: PostgreSQL, passwords, artifacts through the server to S3."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pandas as pd
import pytest
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from mlflow import MlflowClient, pyfunc
from simpgan.components.core.errors import UserError
from simpgan.components.core.registry.adaptation import save_adaptation
from simpgan.components.core.registry.description import Description
from simpgan.components.core.registry.model_registry import CHAMPION, ModelRegistry
from simpgan.components.core.registry.pyfunc_export import example_image
from simpgan.components.core.registry.version_lookup import content_of
from tests.components.core.registry.adaptations import write_classifier
from tests.conftest import Ingested
from tests.servers.mlflow import MlflowServer
from tests.servers.seaweedfs import S3

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def adaptation(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adaptation")
    classifier = write_classifier(folder / "classifier", ingested)
    manifests = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    save_adaptation(folder / "adaptation", "adabn", classifier=classifier, precision="fp32", batch=8, **manifests)
    return folder / "adaptation"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The servers that are asked for something, as host and port."""
    servers: set[str] = set()
    send = HTTPAdapter.send

    def remembered(self: HTTPAdapter, request: PreparedRequest, **others: Any) -> Response:
        servers.add(urlsplit(request.url or "").netloc)
        return send(self, request, **others)

    monkeypatch.setattr(HTTPAdapter, "send", remembered)
    return servers


def test_a_version_goes_to_the_server_and_back_until_its_artifact_is_gone(
    tracking_server: MlflowClient,
    mlflow_server: MlflowServer,
    s3_server: S3,
    adaptation: Path,
    asked: set[str],
    tmp_path: Path,
) -> None:
    registry = ModelRegistry(f"cameras-{uuid4().hex[:8]}")
    said = {"card": "# a card", "tags": {"simpgan.method": "adabn"}, "metrics": {}}
    version = registry.register(adaptation, **said)
    assert registry.register(adaptation, **said).number == version.number == 1
    registry.promote(version)
    assert registry.fetch(CHAMPION, tmp_path / "fetched").number == 1
    content = Description.read(adaptation).content
    assert content_of(registry.name, CHAMPION) == content_of(registry.name, "1") == (1, content)
    assert content_of(registry.name, "2") is content_of(registry.name, "previous") is None
    assert Description.read(tmp_path / "fetched") == Description.read(adaptation)
    served = pyfunc.load_model(f"models:/{registry.name}@champion")
    assert served.predict(pd.DataFrame({"image": [example_image()]})).shape == (1, 512)
    assert asked == {urlsplit(mlflow_server.url).netloc}, "whoever fetches a model need not reach the S3 server"
    model = tracking_server.get_model_version(registry.name, "1").source.rpartition("/")[2]
    client = s3_server.client()
    for key in s3_server.keys("mlflow"):
        if model in key:
            client.delete_object(Bucket="mlflow", Key=key)
    with pytest.raises(UserError, match=f"the artifact of {registry.name} version 1 is gone"):
        registry.fetch(CHAMPION, tmp_path / "gone")


def test_a_wrong_password_is_said_without_it(
    tracking_server: MlflowClient, mlflow_server: MlflowServer, adaptation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "not-this-one")
    with pytest.raises(UserError, match=f"MLflow at {mlflow_server.url} does not let this user in") as refused:
        ModelRegistry().register(adaptation, card="", tags={}, metrics={})
    assert "not-this-one" not in str(refused.value)
    assert content_of("simpgan", "1") is None
