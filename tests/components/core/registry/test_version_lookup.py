"""What a version holds, told without MLflow's client, as the client tells it."""

import shutil
from pathlib import Path

import pytest

from mlflow import MlflowClient
from simpgan.components.core.registry.version_lookup import CONTENT_TAG, content_of


@pytest.fixture(scope="module")
def store(set_up_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three versions of a model, of which the second one is the champion and the third is deleted."""
    file = Path(shutil.copy(set_up_store, tmp_path_factory.mktemp("versions")))
    client = MlflowClient(f"sqlite:///{file}")
    client.create_registered_model("it's 100 %")
    for number in "123":
        client.create_model_version("it's 100 %", source="s3://bucket/model", tags={CONTENT_TAG: f"content {number}"})
        client.set_registered_model_alias("it's 100 %", f"only-{number}" if number != "2" else "champion", number)
    client.delete_model_version("it's 100 %", "3")
    return file


@pytest.fixture
def versions(store: Path, client: MlflowClient, tmp_path: Path) -> MlflowClient:
    """A client of a copy of the store."""
    shutil.copy(store, tmp_path)
    return client


@pytest.mark.parametrize(("which", "known"), [("champion", 2), ("2", 2), ("1", 1), ("only-1", 1)])
def test_numbers_and_aliases_are_known(versions: MlflowClient, which: str, known: int) -> None:
    assert content_of("it's 100 %", which) == (known, f"content {known}")


@pytest.mark.parametrize("which", ["3", "only-3", "4", "previous", ""])
def test_what_is_gone_or_never_was_is_left_to_the_client(versions: MlflowClient, which: str) -> None:
    assert content_of("it's 100 %", which) is None
    assert content_of("another", which) is None


def test_the_answer_is_that_of_now(versions: MlflowClient) -> None:
    versions.set_registered_model_alias("it's 100 %", "champion", "1")
    assert content_of("it's 100 %", "champion") == (1, "content 1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:9"),
        ("MLFLOW_TRACKING_URI", "postgresql://127.0.0.1/mlflow"),
        ("MLFLOW_TRACKING_TOKEN", "secret"),
        ("MLFLOW_REGISTRY_URI", "http://127.0.0.1:9"),
    ],
)
def test_what_is_asked_in_another_way_is_left_to_the_client(
    versions: MlflowClient, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert content_of("it's 100 %", "champion") is None


def test_what_is_no_store_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    assert content_of("simpgan", "champion") is None
    assert not (tmp_path / "none.db").exists()
