"""Servers that start when the first test asks for them, and serve all tests of the session.

Tests keep apart by buckets, databases and experiments of their own.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.servers.mlflow import MlflowServer
from tests.servers.postgresql import PostgreSQL, postgresql
from tests.servers.seaweedfs import S3, seaweedfs

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 server."""
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server."""
    with postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgreSQL, s3_server: S3
) -> Iterator[MlflowServer]:
    """MLflow for a team: on PostgreSQL, artifacts through the server to S3, and passwords. Leave it running."""
    postgresql_server.sql("CREATE DATABASE mlflow")
    s3_server.bucket("mlflow")
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"), postgresql_server, "mlflow", s3_server, "mlflow")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def tracking_server(mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> "MlflowClient":
    """A client of the server, which the environment names with an experiment of the test's own."""
    from mlflow.tracking import MlflowClient

    for name, value in mlflow_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", f"test-{uuid4().hex[:8]}")
    return MlflowClient(mlflow_server.url)
