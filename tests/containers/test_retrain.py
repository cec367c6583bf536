"""The pipeline `retrain` in containers: a camera drop and data in an object store, models on an MLflow server."""

import json
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.registry.model_registry import ModelRegistry
from tests.conftest import Ingested
from tests.pipelines.champions import register

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]
TINY = str(Path(__file__).parents[1] / "pipelines" / "tiny.yaml")


@dataclass(frozen=True)
class Drop:
    """Cameras whose images come into a bucket, and a model in use that knows those of all but one."""

    location: str
    data_root: str
    model: str
    images: int
    new: int


@pytest.fixture
def drop(ingested: Ingested, s3_server, tracking_server, stage_images, tmp_path, monkeypatch) -> Drop:
    """The environment names the servers, and nothing of other tests."""
    name = f"retrain-{uuid4().hex[:8]}"
    for variable, value in s3_server.environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    bucket = s3_server.bucket(name)
    store = s3_server.client()
    for path in Path(ingested.data_root).rglob("*.*"):
        store.upload_file(str(path), name, f"data/{path.relative_to(ingested.data_root).as_posix()}")
    images = sorted((ingested.folder / "underground_reid").glob("*/*.jpeg"))
    late = [path for path in images if path.name.split("_")[1] == "1"]

    def put(paths: list[Path]) -> None:
        for path in paths:
            store.upload_file(str(path), name, f"station/gate {path.name.split('_')[1]}/{path.name}")

    put([path for path in images if path not in late])
    register(replace(ingested, data_root=f"{bucket}/data"), f"{bucket}/station", tmp_path, "simpgan", model=name)
    put(late)
    return Drop(f"{bucket}/station", f"{bucket}/data", name, len(images), len(late))


def test_a_drop_in_a_bucket_becomes_a_candidate_and_then_there_is_nothing_to_do(drop: Drop, python: str, tmp_path):
    out = tmp_path / "out"
    options = [
        "--runner",
        "docker",
        "--data-root",
        drop.data_root,
        "--model",
        drop.model,
        "--preset",
        TINY,
        "--method",
        "simpgan",
    ]
    sizes = ["--threshold", "2", "--part-images", str((drop.new + 1) // 2), "--out", str(out)]
    command = [python, "-m", "simpgan.pipelines.cli", "run", "retrain", drop.location, *options, *sizes]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert re.search(rf"^{drop.model} version 2 (passed|refused): score ", ran.stdout, re.MULTILINE)
    assert len([line for line in ran.stderr.splitlines() if line.startswith("ingest_part")]) >= 2
    registry = ModelRegistry(drop.model)
    candidate = registry.fetch("candidate", tmp_path / "candidate")
    assert (candidate.number, registry.version("champion").number) == (2, 1)
    target = Manifest.load(tmp_path / "candidate/target")
    assert (target.dataset, len(target.images)) == ("station", drop.images)
    trained = json.loads((tmp_path / "candidate/translator/config.json").read_text())
    assert trained["inputs"]["target"] == target.digest

    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "Nothing to do: there are not enough new images." in again.stdout
