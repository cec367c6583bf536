"""Going on from a translator that was trained before."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from simpgan.components.core.errors import UserError
from simpgan.components.core.models.model_folder import model_digest, read_config
from simpgan.components.train_gan import stage
from simpgan.components.train_gan.settings import TrainGanSettings
from tests.components.train_gan.test_stage import SETTINGS, classifier_of
from tests.conftest import Ingested

STILL = SETTINGS.model_copy(update={"rate": 1e-12})
"""A training that moves no weight as far as anybody can see."""


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classifier_of(tmp_path_factory.mktemp("models") / "classifier")


@pytest.fixture(scope="module")
def trained(ingested: Ingested, classifier: Path) -> Path:
    """A translator after a few steps."""
    out = classifier.parent / "trained"
    settings = SETTINGS.model_copy(update={"steps": 3, "rate": 0.01})
    stage.run(ingested.source, ingested.target, classifier, settings, ingested.data_root, out)
    return out


def go_on(
    ingested: Ingested, classifier: Path, initial: Path | None, out: Path, settings: TrainGanSettings = STILL
) -> dict[str, torch.Tensor]:
    stage.run(ingested.source, ingested.target, classifier, settings, ingested.data_root, out, initial)
    return load_file(out / "model.safetensors")


def test_all_four_networks_start_from_its_weights(
    ingested: Ingested, classifier: Path, trained: Path, tmp_path: Path
) -> None:
    before = load_file(trained / "model.safetensors")
    after = go_on(ingested, classifier, trained, tmp_path / "on")
    anew = go_on(ingested, classifier, None, tmp_path / "anew")
    assert before.keys() == after.keys() == anew.keys()
    assert {name.partition(".")[0] for name in after} == {"f", "g", "d_source", "d_target"}
    for name, weights in after.items():
        torch.testing.assert_close(weights, before[name], rtol=0, atol=1e-6)
    moved = [name for name, weights in anew.items() if not torch.allclose(weights, before[name], atol=1e-3)]
    assert {name.partition(".")[0] for name in moved} == {"f", "g", "d_source", "d_target"}
    inputs = read_config(tmp_path / "on")["inputs"]
    assert inputs["initial"] == model_digest(trained)
    assert "initial" not in read_config(tmp_path / "anew")["inputs"]


def test_the_average_starts_from_them_too(ingested: Ingested, classifier: Path, trained: Path, tmp_path: Path) -> None:
    settings = STILL.model_copy(update={"average_decay": 0.9})
    after = go_on(ingested, classifier, trained, tmp_path / "on", settings)
    for name, weights in load_file(trained / "model.safetensors").items():
        torch.testing.assert_close(after[name], weights, rtol=0, atol=1e-6)


def test_its_own_checkpoint_goes_before_it(ingested: Ingested, classifier: Path, trained: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"steps": 2, "rate": 0.01})
    first = go_on(ingested, classifier, trained, tmp_path / "first", settings)
    again = go_on(ingested, classifier, trained, tmp_path / "again", settings)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert model_digest(tmp_path / "first") == model_digest(tmp_path / "again")


def test_another_shape_is_refused_with_the_settings_to_change(
    ingested: Ingested, classifier: Path, trained: Path, tmp_path: Path
) -> None:
    settings = STILL.model_copy(update={"blocks": 2, "input_skip": True})
    with pytest.raises(UserError, match=r"another shape.*: set train_gan\.blocks=1, train_gan\.input_skip=False$"):
        go_on(ingested, classifier, trained, tmp_path / "on", settings)


def test_a_translator_without_discriminators_is_refused(
    ingested: Ingested, classifier: Path, trained: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_bytes((trained / "config.json").read_bytes())
    tensors = load_file(trained / "model.safetensors")
    save_file({name: each for name, each in tensors.items() if name[0] != "d"}, bare / "model.safetensors")
    with pytest.raises(UserError, match=r"bare' has no d_source: train it again"):
        go_on(ingested, classifier, bare, tmp_path / "on")


def test_a_folder_without_a_translator_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a translator"):
        go_on(ingested, classifier, classifier, tmp_path / "on")
