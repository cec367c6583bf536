"""What the train_gan stage refuses."""

from pathlib import Path

import pytest

from components.core.data.manifest import Manifest
from components.core.models.classifier import ClassifierConfig, SiameseClassifier
from components.core.models.folder import save_model
from components.core.runtime.errors import UserError
from components.train_gan import stage
from components.train_gan.settings import TrainGanSettings
from tests.conftest import Ingested

SETTINGS = TrainGanSettings(height=32, width=32, channels=4, blocks=1, steps=1)


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=8, height=32, width=32))
    config = {"classifier": network.config.model_dump(), "protocol": "standard"}
    save_model(tmp_path / "classifier", {"classifier": network}, config)
    return tmp_path / "classifier"


def test_a_target_without_training_images_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    target = Manifest.load(ingested.target)
    Manifest("grid", target.images, target.roles[target.roles["role"] != "train"]).save(tmp_path / "target")
    with pytest.raises(UserError, match="grid has no training images in protocol 'folds10', fold 0"):
        stage.run(
            ingested.source, tmp_path / "target", classifier, SETTINGS, ingested.data_root, tmp_path / "translator"
        )
    assert not (tmp_path / "translator").exists()


def test_a_target_without_that_protocol_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="market1501 has no protocol 'folds10': choose from standard"):
        stage.run(ingested.source, ingested.source, classifier, SETTINGS, ingested.data_root, tmp_path / "translator")


def test_a_folder_without_a_classifier_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model in .* give the folder a training stage wrote"):
        stage.run(ingested.source, ingested.target, tmp_path, SETTINGS, ingested.data_root, tmp_path / "translator")
