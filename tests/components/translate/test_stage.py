"""Translating a target's images."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from simpgan.components.core.data.image_tensors import iterate_batches
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.model_folder import save_model
from simpgan.components.core.models.translator import Generator, GeneratorConfig
from simpgan.components.translate import stage
from simpgan.components.translate.settings import Direction, TranslateSettings
from tests.conftest import Ingested

SETTINGS = {"method": "simpgan", "protocol": "folds10", "fold": 0, "seed": 0}


def translator(folder: Path, brightness: float, back: float = 0, **more: object) -> Path:
    """F that adds `brightness` in the space of atanh, the same everywhere, and G that adds `back`."""
    networks = {}
    for name, added in (("f", brightness), ("g", back)):
        generator = Generator(GeneratorConfig(height=64, width=32, channels=4, blocks=1, input_skip=True))
        last = generator.layers[-1]
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.constant_(last.bias, added)
        networks[name] = generator
    config = {"generator": generator.config.model_dump(), "settings": SETTINGS, **more}
    save_model(folder, networks, config)
    return folder


def pixels(manifest: Manifest, data_root: str) -> np.ndarray:
    rows = np.arange(len(manifest.images))
    return np.concatenate([batch.numpy() for batch in iterate_batches(data_root, manifest, rows, 64, 32, 7)])


def translated(ingested: Ingested, tmp_path: Path, brightness: float) -> tuple[Manifest, Manifest]:
    model = translator(tmp_path / "translator", brightness)
    stage.run(ingested.target, model, TranslateSettings(batch=5), ingested.data_root, tmp_path / "translated")
    return Manifest.load(ingested.target), Manifest.load(tmp_path / "translated")


def test_a_translation_that_changes_nothing_gives_the_resized_images(ingested: Ingested, tmp_path: Path) -> None:
    before, after = translated(ingested, tmp_path, 0)
    difference = pixels(after, ingested.data_root).astype(int) - pixels(before, ingested.data_root)
    assert np.abs(difference).max() <= 1  # black and white are half a step inside the generator's range


def test_a_brighter_translation_is_brighter_and_never_stretched(ingested: Ingested, tmp_path: Path) -> None:
    before, after = translated(ingested, tmp_path, 0.3)
    recorded = pixels(before, ingested.data_root) / 127.5 - 1
    expected = np.tanh(np.arctanh(recorded.clip(-1 + 1 / 255, 1 - 1 / 255)) + 0.3)
    np.testing.assert_allclose(pixels(after, ingested.data_root) / 127.5 - 1, expected, atol=3 / 255)


def test_people_cameras_and_roles_stay(ingested: Ingested, tmp_path: Path) -> None:
    before, after = translated(ingested, tmp_path, 0.1)
    kept = ["name", "person", "camera", "time"]
    assert after.images[kept].equals(before.images[kept])
    assert after.roles.equals(before.roles)
    assert set(after.images["width"]) == {32}
    assert set(after.images["height"]) == {64}
    assert after.digest != before.digest
    origin = json.loads((tmp_path / "translated" / "translation.json").read_text())
    assert origin["settings"] == SETTINGS
    assert origin["direction"] == "target-to-source"
    assert origin["selection"] is None


def test_the_source_is_translated_by_g_and_keeps_its_labels(ingested: Ingested, tmp_path: Path) -> None:
    model = translator(tmp_path / "translator", brightness=-0.5, back=0.3)
    settings = TranslateSettings(direction="source-to-target")
    after = stage.run(ingested.source, model, settings, ingested.data_root, tmp_path / "translated")
    before = Manifest.load(ingested.source)
    assert after.images["person"].equals(before.images["person"])
    assert after.roles.equals(before.roles)
    assert after.source_protocol == before.source_protocol
    assert pixels(after, ingested.data_root).mean() > pixels(before, ingested.data_root).mean() + 10
    assert json.loads((tmp_path / "translated" / "translation.json").read_text())["direction"] == "source-to-target"


def test_how_the_translator_was_chosen_and_its_variant_are_passed_on(ingested: Ingested, tmp_path: Path) -> None:
    model = translator(tmp_path / "translator", 0.1, selection={"step": 20, "score": 0.5})
    output = tmp_path / "translated"
    stage.run(ingested.target, model, TranslateSettings(), ingested.data_root, output, "lambda_similarity=0.1")
    origin = json.loads((output / "translation.json").read_text())
    assert origin["selection"] == {"step": 20, "score": 0.5}
    assert origin["variant"] == "lambda_similarity=0.1"


@pytest.mark.parametrize("direction", ["target-to-source", "source-to-target"])
def test_images_that_are_translated_into_are_refused(ingested: Ingested, tmp_path: Path, direction: Direction) -> None:
    sides = {"source": ingested.source, "target": ingested.target}
    digests = {side: Manifest.load(manifest).digest for side, manifest in sides.items()}
    model = translator(tmp_path / "translator", 0, inputs=digests)
    _, other = direction.split("-to-")
    with pytest.raises(UserError, match=f"is the {other} of this translator"):
        stage.run(
            sides[other], model, TranslateSettings(direction=direction), ingested.data_root, tmp_path / "translated"
        )


def test_a_second_translation_writes_nothing(ingested: Ingested, tmp_path: Path) -> None:
    translated(ingested, tmp_path, 0.2)
    shards = Path(ingested.data_root) / "shards"
    before = {path: path.stat().st_mtime_ns for path in shards.iterdir()}
    translated(ingested, tmp_path, 0.2)
    assert {path: path.stat().st_mtime_ns for path in shards.iterdir()} == before


def test_a_classifier_is_no_translator(ingested: Ingested, tmp_path: Path) -> None:
    save_model(tmp_path / "model", {"f": torch.nn.Linear(1, 1)}, {"classifier": {}})
    with pytest.raises(UserError, match="is not a translator"):
        stage.run(ingested.target, tmp_path / "model", TranslateSettings(), ingested.data_root, tmp_path / "translated")
