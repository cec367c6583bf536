"""Versions of a registered model, in a store of one user."""

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mlflow import MlflowClient, pyfunc
from simpgan.components.core.data.image_tensors import decode
from simpgan.components.core.errors import UserError
from simpgan.components.core.registry.adaptation import load_adaptation, save_adaptation
from simpgan.components.core.registry.description import Description
from simpgan.components.core.registry.model_registry import CANDIDATE, CHAMPION, PREVIOUS, ModelRegistry, fetch
from simpgan.components.core.registry.pyfunc_export import example_image
from tests.components.core.registry.adaptations import write_classifier, write_two_cameras
from tests.conftest import Ingested
from tests.servers.ports import free_port

NOTHING = {"card": "# a card", "tags": {"simpgan.method": "adabn"}, "metrics": {}}


@pytest.fixture(scope="module")
def adaptations(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two of one classifier."""
    folder = tmp_path_factory.mktemp("adaptations")
    classifier = write_classifier(folder / "classifier", ingested)
    manifests = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    for method in ("direct", "adabn"):
        save_adaptation(folder / method, method, classifier=classifier, precision="fp32", batch=8, **manifests)
    return [folder / "direct", folder / "adabn"]


def test_a_version_comes_back_as_it_was_registered(
    client: MlflowClient, adaptations: list[Path], tmp_path: Path
) -> None:
    version = ModelRegistry().register(adaptations[1], **NOTHING)
    assert (version.name, version.number, version.aliases) == ("simpgan", 1, ())
    assert version.tags["simpgan.method"] == "adabn"
    assert client.get_model_version("simpgan", "1").description == "# a card"
    fetched = fetch("simpgan", 1, tmp_path / "fetched")
    assert fetched == version
    assert Description.read(tmp_path / "fetched") == Description.read(adaptations[1])


def test_mlflow_serves_it_without_a_pickle_and_without_paths_of_this_machine(
    client: MlflowClient, adaptations: list[Path], tmp_path: Path
) -> None:
    registry = ModelRegistry("cameras")
    registry.set_alias(CHAMPION, registry.register(adaptations[1], **NOTHING))
    (tmp_path / "model").mkdir()
    model = pyfunc.load_model("models:/cameras@champion", dst_path=str(tmp_path / "model"))
    features = model.predict(pd.DataFrame({"image": [example_image()] * 2}))
    assert features.shape == (2, load_adaptation(adaptations[1]).dimensions)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".pyc")]
    readable = [path for path in files if path.suffix in (".json", ".yaml", ".txt", "") and "code" not in path.parts]
    assert not [path for path in readable if str(adaptations[0].parents[2]) in path.read_text()]
    assert not [path for path in readable if str(Path(__file__).parents[4]) in path.read_text()]
    requirements = (tmp_path / "model" / "requirements.txt").read_text().split()
    assert all("==" in requirement and "+" not in requirement for requirement in requirements)
    assert model.metadata.signature.inputs.input_names() == ["image"]
    assert model.metadata.saved_input_example_info


def test_a_served_model_with_statistics_per_camera_takes_the_camera_beside_the_image(
    client: MlflowClient, ingested: Ingested, tmp_path: Path
) -> None:
    write_two_cameras(tmp_path / "target", ingested)
    save_adaptation(
        tmp_path / "adaptation",
        "camera-adabn",
        classifier=write_classifier(tmp_path / "classifier", ingested),
        source=ingested.source,
        target=tmp_path / "target",
        data_root=ingested.data_root,
        protocol="all250",
        precision="fp32",
    )
    registry = ModelRegistry("cameras")
    registry.set_alias(CHAMPION, registry.register(tmp_path / "adaptation", **NOTHING))
    model = pyfunc.load_model("models:/cameras@champion")
    inputs = model.metadata.signature.inputs
    assert [(each.name, each.required) for each in inputs.inputs] == [("image", True), ("camera", False)]
    picture, adaptation = example_image(), load_adaptation(tmp_path / "adaptation")
    images = torch.from_numpy(np.stack([decode(picture, *adaptation.size)] * 3))
    cameras = ["1", "2", None]
    expected = adaptation.features(images, cameras=cameras)
    served = model.predict(pd.DataFrame({"image": [picture] * 3, "camera": cameras}))
    np.testing.assert_allclose(served, expected, atol=1e-5)
    assert np.abs(expected[0] - expected[2]).max() > 1e-3
    without = model.predict(pd.DataFrame({"image": [picture] * 3}))
    np.testing.assert_allclose(without, expected[[2, 2, 2]], atol=1e-5)


def test_the_same_content_is_one_version_also_when_two_register_it_at_once(
    client: MlflowClient, adaptations: list[Path]
) -> None:
    numbers: list[int] = []

    def register() -> None:
        numbers.append(ModelRegistry().register(adaptations[0], **NOTHING).number)

    both = [threading.Thread(target=register) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(set(numbers)) == 1
    assert ModelRegistry().register(adaptations[0], **NOTHING).number == numbers[0]
    assert [version.number for version in ModelRegistry().versions()] == numbers[:1]


def test_promotion_and_roll_back_move_the_aliases(client: MlflowClient, adaptations: list[Path]) -> None:
    registry = ModelRegistry()
    first, second = (registry.register(folder, **NOTHING) for folder in adaptations)

    def aliases() -> dict[str, int]:
        return {alias: version.number for version in registry.versions() for alias in version.aliases}

    registry.promote(first)
    assert aliases() == {CHAMPION: 1}
    with pytest.raises(UserError, match="simpgan has no previous champion: nothing to roll back to"):
        registry.roll_back()
    registry.set_alias(CANDIDATE, second)
    registry.promote(registry.version(CANDIDATE))
    assert aliases() == {CHAMPION: 2, PREVIOUS: 1}
    registry.promote(registry.version(2))
    assert aliases() == {CHAMPION: 2, PREVIOUS: 1}, "promoted twice"
    now, before = registry.roll_back()
    assert (now.number, before and before.number) == (1, 2)
    assert aliases() == {CHAMPION: 1, PREVIOUS: 2}


def test_what_is_not_there_is_said_in_one_line(client: MlflowClient, adaptations: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="MLflow has no model 'simpgan': register one"):
        fetch("simpgan", "champion", tmp_path / "fetched")
    registry = ModelRegistry()
    registry.set_alias(CANDIDATE, registry.register(adaptations[0], **NOTHING))
    with pytest.raises(UserError, match="no version of simpgan is 'champion': there is candidate"):
        fetch("simpgan", "champion", tmp_path / "fetched")
    with pytest.raises(UserError, match="simpgan has no version 7: the newest is 1"):
        fetch("simpgan", "7", tmp_path / "fetched")
    with pytest.raises(UserError, match="no adaptation in"):
        registry.register(tmp_path, **NOTHING)


def test_a_version_whose_artifact_is_gone_or_changed(
    client: MlflowClient, adaptations: list[Path], tmp_path: Path
) -> None:
    registry = ModelRegistry()
    version = registry.register(adaptations[0], **NOTHING)
    [config] = (tmp_path / "mlartifacts").rglob("adaptation/classifier/config.json")
    config.write_text(config.read_text().replace("resnet18", "resnet50"))
    with pytest.raises(UserError, match=r"classifier/config.json has changed"):
        registry.fetch(1, tmp_path / "changed")
    for path in sorted(config.parents[1].rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(UserError, match="the artifact of simpgan version 1 is gone"):
        registry.fetch(1, tmp_path / "gone")
    again = registry.register(adaptations[0], **NOTHING)
    assert again.number == 2, "what is gone does not count as registered"
    assert registry.fetch(2, tmp_path / "again").tags == version.tags


def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match="no MLflow server is named: set MLFLOW_TRACKING_URI"):
        ModelRegistry()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://somebody:secret@127.0.0.1:{free_port()}")
    with pytest.raises(UserError, match=r"MLflow at http://127.0.0.1:\d+ does not answer: start the server"):
        ModelRegistry().versions()
