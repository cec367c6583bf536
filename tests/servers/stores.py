"""MLflow of a single user: a file."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@pytest.fixture(scope="session")
def set_up_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sqlite store with its tables: setting one up takes seconds, copying it none."""
    from mlflow.tracking import MlflowClient

    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def client(set_up_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "MlflowClient":
    """A store of its own, named by MLFLOW_TRACKING_URI as for a user."""
    from mlflow.tracking import MlflowClient

    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "SIMPGAN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    shutil.copy(set_up_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
