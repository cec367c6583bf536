"""An environment that names no server."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # where an experiment without a place for artifacts puts them
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "SIMPGAN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))  # where what a server does not take is kept
