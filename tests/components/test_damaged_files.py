"""Every file that is written and read again: cut or of another shape, it is named in one line with what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from simpgan.components.core.data.features import load_features, save_features
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import FILES
from simpgan.components.core.data.new_files import Listing
from simpgan.components.core.data.translation_origin import read_origin
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import load_classifier
from simpgan.components.core.models.translator import load_translator
from simpgan.components.core.process.task import InputArtifact
from simpgan.components.core.results.probes import no_probes, read_probes, write_probes
from simpgan.components.core.results.rows import read_results, write_results
from simpgan.components.core.training.checkpoint import Checkpoint
from simpgan.pipelines.runner.run_outputs import evaluated_with, find_parts
from tests.components.core.registry.adaptations import rewrite_config, write_classifier, write_translator
from tests.components.core.results.made_up import row
from tests.conftest import Ingested

TRAINING = {"method": "simpgan", "protocol": "p", "fold": 0, "seed": 0, "steps": 2}
ORIGIN = {"settings": TRAINING, "variant": "", "direction": "target-to-source", "selection": None, "inputs": {}}
PARTS = {name: name for name in ("source", "target", "classifier", "results")}
PARTS |= {name: [] for name in ("translated", "translators", "counterparts", "companions", "companion_sources")}
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "no text": lambda content: b"\xff\x00" * 40,
    "list": lambda content: b"[]",
    "other": lambda content: b'{"schema": 1, "settings": [], "digest": null}',
    "zeros": lambda content: content[:8] + bytes(len(content) - 8),
}


@pytest.fixture(scope="module")
def written(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with everything."""
    root = tmp_path_factory.mktemp("written")
    Manifest.load(ingested.target).save(root / "manifest")
    classifier = write_classifier(root / "classifier", ingested)
    write_translator(root / "translator", ingested, classifier)
    description = {"method": "umdl", "protocol": "p", "fold": 0, "seed": 0, "steps": 0, "target": "ab"}
    save_features(root / "features", np.arange(4), np.ones((4, 2), np.float32), description)
    objects = pd.DataFrame({"name": ["a.jpg"], "size": [1], "version": ["1"]})
    Listing.split("there", objects, 5).save(root / "listing")
    write_results([row()], root / "results.json")
    write_probes(no_probes(), root / "probes.parquet")
    (root / "translation.json").write_text(json.dumps(ORIGIN))
    (root / "parts.json").write_text(json.dumps(PARTS))
    (root / "settings.yaml").write_text("evaluate: {seed: 0, batch: 64, precision: auto}\n")
    checkpoint = Checkpoint(str(root), "key")
    checkpoint.history.touch()
    checkpoint.save({"weights": torch.ones(4), "step": 3})
    return root


READERS: dict[str, Callable[[Path], object]] = {
    **{f"manifest/{name}": lambda root: Manifest.load(root / "manifest") for name in FILES},
    "classifier/config.json": lambda root: load_classifier(root / "classifier"),
    "classifier/model.safetensors": lambda root: load_classifier(root / "classifier"),
    "translator/config.json": lambda root: load_translator(root / "translator"),
    "translator/model.safetensors": lambda root: load_translator(root / "translator"),
    "features/features.json": lambda root: load_features(root / "features"),
    "features/features.safetensors": lambda root: load_features(root / "features"),
    "listing/listing.json": lambda root: Listing.load(root / "listing"),
    "listing/listing.parquet": lambda root: Listing.load(root / "listing"),
    "results.json": lambda root: read_results(root / "results.json"),
    "probes.parquet": lambda root: read_probes(root / "probes.parquet"),
    "translation.json": read_origin,
    "parts.json": lambda root: find_parts(root, "direct"),
    "settings.yaml": evaluated_with,
    "checkpoints/key.safetensors": lambda root: Checkpoint(str(root), "key").load(),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named_in_one_line_with_what_to_do(written: Path, name: str, damage: str) -> None:
    path, read = written / name, READERS[name]
    content = path.read_bytes()
    read(written)
    path.write_bytes(DAMAGES[damage](content))
    try:
        with pytest.raises(UserError) as refused:
            read(written)
    finally:
        path.write_bytes(content)
    message = str(refused.value)
    assert str(path.parent) in message
    assert any(word in message for word in ("again", "anew", "give"))
    assert "\n" not in message


def test_a_command_names_the_manifest_before_any_stage_reads_it(written: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").touch()
    with pytest.raises(UserError, match=rf"{tmp_path}/manifest\.json is damaged .*: ingest again"):
        InputArtifact.of_folder(tmp_path)
    assert InputArtifact.of_folder(written / "manifest").digest == Manifest.load(written / "manifest").digest


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"backbone": "resnet50"}, r"model\.safetensors is damaged or of another model .* does not fit the config"),
        ({"identities": 9}, r"model\.safetensors is damaged or of another model .*identity_head"),
        ({"height": "tall"}, r"config\.json is damaged \(setting 'classifier\.height'"),
        ({"colours": 3}, r"config\.json is damaged \(unknown setting 'classifier\.colours'"),
    ],
)
def test_weights_that_do_not_fit_their_config_are_named(
    ingested: Ingested, tmp_path: Path, changes: dict[str, object], what: str
) -> None:
    folder = write_classifier(tmp_path / "classifier", ingested)
    config = json.loads((folder / "config.json").read_text())["classifier"]
    rewrite_config(folder, classifier=config | changes)
    with pytest.raises(UserError, match=what):
        load_classifier(folder)


def test_weights_that_are_no_numbers_are_named(ingested: Ingested, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "classifier", ingested)
    tensors = load_file(folder / "model.safetensors")
    name = next(iter(tensors))
    tensors[name] = torch.full_like(tensors[name], torch.nan, dtype=torch.float32)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(UserError, match=r"model\.safetensors is damaged .* holds numbers that are not finite"):
        load_classifier(folder)
