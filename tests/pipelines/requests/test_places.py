"""The places of a request, as this machine reads them."""

import hashlib

import pytest

from simpgan.components.core.errors import UserError
from simpgan.pipelines.config.presets import RunSettings, resolve
from simpgan.pipelines.requests.places import Places


def test_a_folder_of_images_has_its_full_path_and_has_to_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "station").mkdir()
    assert Places().images("station") == str(tmp_path / "station")
    assert Places().images("s3://bucket/station") == "s3://bucket/station"
    with pytest.raises(UserError, match="LOCATION: there is no folder"):
        Places().images("gone")


def test_weights_of_another_content_are_another_training(tmp_path):
    def settings(weights: object) -> RunSettings:
        return Places().with_weights(resolve(None, [f"pretrain.weights={weights}"], 0, "market1501"))

    assert settings("imagenet").pretrain.weights_sha256 == ""
    file = tmp_path / "weights.safetensors"
    with pytest.raises(UserError, match=r"^pretrain.weights: no such file"):
        settings(file)
    file.write_bytes(b"one")
    first = settings(file)
    assert first.pretrain.weights_sha256 == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"two")
    assert settings(file).pretrain.weights_sha256 == hashlib.sha256(b"two").hexdigest()
    assert Places().with_weights(first) == first
