"""The umdl stage on the generated data sets."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from simpgan.components.core.data.features import load_features
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import read_history
from simpgan.components.umdl import stage
from simpgan.components.umdl.appearance import extract
from simpgan.components.umdl.domain import ridge_codes
from simpgan.components.umdl.settings import UmdlSettings
from tests.conftest import Ingested

SETTINGS = UmdlSettings(atoms=6, inner_steps=4, outer_steps=2, fold=1)


@pytest.fixture(scope="module")
def written(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("umdl") / "features"
    stage.run(ingested.source, ingested.target, SETTINGS, ingested.data_root, output)
    return output


def test_all_probes_and_the_gallery_of_the_fold_have_features(ingested: Ingested, written: Path) -> None:
    target, features = Manifest.load(ingested.target), load_features(written)
    tested = [target.rows("folds10", 1, role) for role in ("query", "gallery")]
    np.testing.assert_array_equal(features.rows, np.unique(np.concatenate(tested)))
    assert features.features.shape == (len(features.rows), 12)  # the codes of D and U
    assert (np.linalg.norm(features.features, axis=1) > 0).all()
    assert features.description == {
        "method": "umdl",
        "protocol": "folds10",
        "fold": 1,
        "seed": 0,
        "steps": 0,
        "target": target.digest,
    }


def test_features_are_the_ridge_codes_in_the_dictionaries_beside_them(ingested: Ingested, written: Path) -> None:
    dictionaries, features = load_file(written / "dictionaries.safetensors"), load_features(written)
    some = features.rows[:5]
    images = extract(ingested.data_root, Manifest.load(ingested.target), some).T
    joined = [dictionaries[name].astype(np.float64) for name in ("shared", "target", "target_residual")]
    np.testing.assert_allclose(features.select(some), ridge_codes(joined, images, 0.2).T, atol=1e-4)
    assert {name: atoms.shape for name, atoms in dictionaries.items()} == dict.fromkeys(
        ("shared", "target", "target_residual", "source_residual"), (5138, 6)
    )
    for atoms in dictionaries.values():
        assert (np.linalg.norm(atoms, axis=0) <= 1 + 1e-5).all()


def test_the_objective_of_every_step_is_recorded(written: Path) -> None:
    history = pd.DataFrame([entry.values for entry in read_history(written / "history.jsonl")])
    assert len(history) == 8
    for one_graph in history["loss/objective"].to_numpy().reshape(2, 4):
        assert (np.diff(one_graph) <= 1e-6 * one_graph[0]).all()


def test_the_same_settings_give_the_same_features(ingested: Ingested, written: Path, tmp_path: Path) -> None:
    stage.run(ingested.source, ingested.target, SETTINGS, ingested.data_root, tmp_path)
    np.testing.assert_allclose(load_features(tmp_path).features, load_features(written).features, atol=1e-5)


def test_labels_of_the_target_are_not_seen(ingested: Ingested, written: Path, tmp_path: Path) -> None:
    target = Manifest.load(ingested.target)
    nobody = target.images.assign(person=pd.NA)
    Manifest(target.dataset, nobody, target.roles).save(tmp_path / "target")
    stage.run(ingested.source, tmp_path / "target", SETTINGS, ingested.data_root, tmp_path / "features")
    np.testing.assert_allclose(
        load_features(tmp_path / "features").features, load_features(written).features, atol=1e-5
    )


def without(manifest: Path, role: str, folder: Path) -> Path:
    """A copy of a manifest without the images of one role."""
    original = Manifest.load(manifest)
    roles = original.roles[original.roles["role"] != role]
    Manifest(original.dataset, original.images, roles, source_protocol=original.source_protocol).save(folder)
    return folder


def refusal(source: Path, target: Path, settings: UmdlSettings, data_root: str, output: Path) -> str:
    """The one line with which the stage refuses its input, before it writes anything."""
    with pytest.raises(UserError) as refused:
        stage.run(source, target, settings, data_root, output)
    assert "\n" not in str(refused.value)
    assert not output.exists()
    return str(refused.value)


def test_a_fold_out_of_range_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    settings = UmdlSettings(fold=10)
    message = refusal(ingested.source, ingested.target, settings, ingested.data_root, tmp_path / "features")
    assert message == "grid, protocol 'folds10', has no fold 10: folds go from 0 to 9"


def test_a_target_without_training_images_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    target = without(ingested.target, "train", tmp_path / "target")
    message = refusal(ingested.source, target, UmdlSettings(), ingested.data_root, tmp_path / "features")
    assert message == "the target grid has no training images in protocol 'folds10', fold 0"


def test_a_target_without_probes_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    target = without(ingested.target, "query", tmp_path / "target")
    message = refusal(ingested.source, target, UmdlSettings(), ingested.data_root, tmp_path / "features")
    assert message == "the target grid has no probes in protocol 'folds10', fold 0"


def test_a_source_without_training_images_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    source = without(ingested.source, "train", tmp_path / "source")
    message = refusal(source, ingested.target, UmdlSettings(), ingested.data_root, tmp_path / "features")
    assert message == "the source market1501 has no training images in protocol 'standard'"


def test_a_target_without_that_protocol_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    message = refusal(ingested.source, ingested.source, UmdlSettings(), ingested.data_root, tmp_path / "features")
    assert message == "market1501 has no protocol 'folds10': choose from standard"
