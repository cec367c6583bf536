"""Small generated data sets, made once, for every test that runs a stage."""

import inspect
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock
from uuid import uuid4

import pytest
import xdist.remote
from hypothesis import settings

from simpgan.components.ingest import stage as ingest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.pipelines.demo_data import generate
from tests import warm_python
from tests.components.core.object_store import object_server, object_store
from tests.containers.fixtures import bases, engine, stage_images
from tests.servers.fixtures import mlflow_server, postgresql_server, s3_server, tracking_server
from tests.servers.stores import client, set_up_store

__all__ = [
    "bases",
    "client",
    "engine",
    "ingested",
    "mlflow_server",
    "object_server",
    "object_store",
    "postgresql_server",
    "s3_server",
    "set_up_store",
    "stage_images",
    "tracking_server",
]

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # several processes test at a time

# kfp looks at the whole stack for every option of a task. For the frames of pytest-xdist, whose files are those of no
# module, inspect would look through all modules each time, which takes minutes in all.
inspect.modulesbyfile |= dict.fromkeys(("<string>", xdist.remote.__file__), "")

# A machine that is busy with something else is no failure of a rule.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL; where several processes test, keep in one a file's tests, and what starts slowly."""
    for item in items:
        if "postgresql_server" in getattr(item, "fixturenames", ()):
            item.add_marker("postgresql")
        docker = item.get_closest_marker("docker")
        if docker:
            item.add_marker(pytest.mark.timeout(1800))  # the first one waits for the images
        costly = docker or "mlflow_server" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("servers" if costly else str(item.path)))


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Python that has imported the software: its programs start at once, and so do those that they start."""
    folder = tmp_path_factory.mktemp("python")
    with warm_python.programs(folder):
        yield str(folder / "python")


@pytest.fixture(autouse=True)
def restored_environment() -> Iterator[None]:
    """Restore the environment after each test: commands run in this process set the tracking server in it."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(scope="module", autouse=True)
def restored_module_environment() -> Iterator[None]:
    """Restore the environment after each file, whose own fixtures run commands as well."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """A folder by a name that no other test's has: a library that remembers a store by its path finds none of before.

    pytest removes the folder of a test that passed, and may give its name to the next.
    """
    folder = tmp_path / uuid4().hex[:8]
    folder.mkdir()
    return folder


@dataclass(frozen=True)
class Ingested:
    """Two generated camera networks: their folders, their manifests and the data root with their shards."""

    folder: Path
    source: Path
    target: Path
    data_root: str


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    folder = tmp_path_factory.mktemp("ingested")
    generate(folder / "networks", 0, source_identities=8, target_identities=8)
    data_root = str(folder / "data")
    for layout, name in (("market1501", "market1501"), ("grid", "underground_reid")):
        ingest.run(str(folder / "networks" / name), IngestSettings(layout=layout), data_root, folder / layout)
    return Ingested(folder / "networks", folder / "market1501", folder / "grid", data_root)
