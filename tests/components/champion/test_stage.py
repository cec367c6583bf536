"""The champion stage writes the model in use in the parts that other stages take."""

from pathlib import Path
from typing import Any

import pytest

from mlflow import MlflowClient
from simpgan.components.champion import stage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.companions import companions_in
from simpgan.components.core.models.model_folder import model_digest
from simpgan.components.core.registry.adaptation import save_adaptation
from simpgan.components.core.registry.model_registry import CHAMPION, ModelRegistry, RegisteredVersion
from tests.components.core.registry.adaptations import write_classifier, write_translator
from tests.conftest import Ingested

SPLIT = {"protocol": "folds10", "fold": 3}


@pytest.fixture(scope="module")
def models(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Model folders of a classifier and of a translator."""
    folder = tmp_path_factory.mktemp("models")
    classifier = write_classifier(folder / "classifier", ingested)
    return {"classifier": classifier, "translator": write_translator(folder / "translator", ingested, classifier)}


def register(method: str, ingested: Ingested, models: dict[str, Any], folder: Path) -> RegisteredVersion:
    """Register an adaptation by a method. The folder must not exist."""
    manifests = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    used = {name: path for name, path in models.items() if name != "translator" or "simpgan" in method}
    save_adaptation(folder, method, **used, **manifests, **SPLIT, precision="fp32", batch=8)
    return ModelRegistry().register(folder, card="# a card", tags={}, metrics={})


@pytest.fixture
def outputs(tmp_path: Path) -> dict[str, Path]:
    """A folder for each part."""
    names = ("classifier", "translator", "source", "target", "companions")
    return {name: tmp_path / "champion" / name for name in names}


def test_a_champion_of_joined_features_has_its_companions(
    client: MlflowClient, ingested: Ingested, models: dict[str, Path], tmp_path: Path, outputs: dict[str, Path]
) -> None:
    companion = write_classifier(tmp_path / "companion", ingested, seed=1)
    more = {"companions": [companion], "companion_sources": [ingested.source]}
    registered = register("adabn+joined", ingested, {**models, **more}, tmp_path / "adaptation")
    ModelRegistry().set_alias(CHAMPION, registered)
    stage.run("simpgan", "champion", outputs)
    [place] = companions_in(outputs["companions"])
    assert model_digest(place / "classifier") == model_digest(companion)
    assert Manifest.load(place / "source").digest == Manifest.load(ingested.source).digest


def test_a_champion_that_translates_has_every_part(
    client: MlflowClient, ingested: Ingested, models: dict[str, Path], tmp_path: Path, outputs: dict[str, Path]
) -> None:
    registered = register("simpgan+adabn", ingested, models, tmp_path / "adaptation")
    ModelRegistry().set_alias(CHAMPION, registered)
    version, description = stage.run("simpgan", "champion", outputs)
    assert (version.number, description.method) == (1, "simpgan+adabn")
    for name, folder in models.items():
        assert model_digest(outputs[name]) == model_digest(folder)
    for name, folder in {"source": ingested.source, "target": ingested.target}.items():
        assert Manifest.load(outputs[name]).digest == Manifest.load(folder).digest


def test_the_translator_of_a_champion_that_does_not_translate_says_so(
    client: MlflowClient, ingested: Ingested, models: dict[str, Path], tmp_path: Path, outputs: dict[str, Path]
) -> None:
    ModelRegistry().set_alias(CHAMPION, register("adabn", ingested, models, tmp_path / "adaptation"))
    stage.run("simpgan", "champion", outputs)
    assert model_digest(outputs["classifier"]) == model_digest(models["classifier"])
    assert [path.name for path in outputs["translator"].iterdir()] == ["none.txt"]
    said = (outputs["translator"] / "none.txt").read_text()
    assert said == "simpgan version 1 has no translator: its method is adabn\n"


def test_another_version_is_fetched_by_its_number(
    client: MlflowClient, ingested: Ingested, models: dict[str, Path], tmp_path: Path, outputs: dict[str, Path]
) -> None:
    register("adabn", ingested, models, tmp_path / "first")
    ModelRegistry().set_alias(CHAMPION, register("direct", ingested, models, tmp_path / "second"))
    _, first = stage.run("simpgan", "1", outputs)
    _, champion = stage.run("simpgan", "champion", outputs)
    assert (first.method, champion.method) == ("adabn", "direct")


def test_a_model_that_was_never_registered_is_named(client: MlflowClient, outputs: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="MLflow has no model 'simpgan'"):
        stage.run("simpgan", "champion", outputs)


def test_a_model_without_a_champion_is_named(
    client: MlflowClient, ingested: Ingested, models: dict[str, Path], tmp_path: Path, outputs: dict[str, Path]
) -> None:
    register("adabn", ingested, models, tmp_path / "adaptation")
    with pytest.raises(UserError, match="no version of simpgan is 'champion': there is no alias at all"):
        stage.run("simpgan", "champion", outputs)
