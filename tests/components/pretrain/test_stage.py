"""What the pretrain stage writes."""

import json
import shutil
from pathlib import Path

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import load_classifier
from simpgan.components.pretrain import stage
from simpgan.components.pretrain.settings import PretrainSettings
from tests.conftest import Ingested

TINY = {
    "backbone": "resnet18",
    "weights": "none",
    "height": 32,
    "width": 32,
    "pairs": 8,
    "epochs": 1,
    "crop_padding": 2,
    "images_per_identity": 4,
    "ibn": True,
    "mixstyle": 0.5,
    "bn_neck": True,
}
TRANSLATION = {
    "settings": {"method": "simpgan", "protocol": "folds10", "fold": 3, "seed": 7, "steps": 250, "rate": 1e-3},
    "direction": "source-to-target",
}


def test_a_classifier_of_recorded_images_is_written_and_read_back(ingested: Ingested, tmp_path: Path) -> None:
    stage.run(ingested.source, PretrainSettings.parse(TINY), ingested.data_root, tmp_path)
    classifier, config = load_classifier(tmp_path)
    assert (classifier.config.ibn, classifier.config.mixstyle, classifier.config.bn_neck) == (True, 0.5, True)
    assert config["settings"]["images_per_identity"] == 4
    assert "adaptation" not in config


def test_a_classifier_of_translated_images_says_for_which_split_it_is(ingested: Ingested, tmp_path: Path) -> None:
    source = tmp_path / "translated"
    shutil.copytree(ingested.source, source)
    (source / "translation.json").write_text(json.dumps(TRANSLATION))
    stage.run(source, PretrainSettings.parse(TINY), ingested.data_root, tmp_path / "classifier")
    assert load_classifier(tmp_path / "classifier")[1]["adaptation"] == {
        "method": "source-to-target",
        "protocol": "folds10",
        "fold": 3,
        "seed": 7,
        "steps": 250,
    }


def test_a_protocol_without_training_images_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    settings = PretrainSettings.parse(TINY | {"protocol": "none"})
    with pytest.raises(UserError, match="no protocol 'none'"):
        stage.run(ingested.source, settings, ingested.data_root, tmp_path)
