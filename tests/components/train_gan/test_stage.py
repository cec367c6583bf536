"""What the train_gan stage refuses."""

import re
from pathlib import Path

import pytest
import torch

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier, load_classifier
from simpgan.components.core.models.model_folder import save_model
from simpgan.components.core.models.translator import load_translator
from simpgan.components.core.tracking import StageRun, read_history
from simpgan.components.ingest import join
from simpgan.components.ingest.join import joined
from simpgan.components.train_gan import stage
from simpgan.components.train_gan.settings import TrainGanSettings
from tests.conftest import Ingested

SETTINGS = TrainGanSettings(height=32, width=32, channels=4, blocks=1, steps=1)


def classifier_of(folder: Path, identities: int = 8, source: str = "market1501", protocol: str = "standard") -> Path:
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=identities, height=32, width=32))
    config = {"classifier": network.config.model_dump(), "source": source, "protocol": protocol}
    save_model(folder, {"classifier": network}, config)
    return folder


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    return classifier_of(tmp_path / "classifier")


def test_a_target_without_training_images_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    target = Manifest.load(ingested.target)
    Manifest("grid", target.images, target.roles[target.roles["role"] != "train"]).save(tmp_path / "target")
    with pytest.raises(UserError, match="grid has no training images in protocol 'folds10', fold 0"):
        stage.run(
            ingested.source, tmp_path / "target", classifier, SETTINGS, ingested.data_root, tmp_path / "translator"
        )
    assert not (tmp_path / "translator").exists()


def test_a_fold_that_is_not_there_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"fold": 10})
    with pytest.raises(UserError, match="protocol 'folds10', has no fold 10: folds go from 0 to 9"):
        stage.run(ingested.source, ingested.target, classifier, settings, ingested.data_root, tmp_path / "translator")


def test_a_target_that_is_the_source_is_refused_unless_allowed(
    ingested: Ingested, classifier: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"protocol": "standard"})
    out = tmp_path / "translator"
    with pytest.raises(UserError, match="source and target are both market1501"):
        stage.run(ingested.source, ingested.source, classifier, settings, ingested.data_root, out)
    allowed = settings.model_copy(update={"allow_shared_people": True})
    stage.run(ingested.source, ingested.source, classifier, allowed, ingested.data_root, out)
    assert load_translator(out)


def test_a_classifier_of_another_source_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    other = classifier_of(tmp_path / "other", source="cuhk01")
    with pytest.raises(UserError, match="was trained on cuhk01, and the source is market1501"):
        stage.run(ingested.source, ingested.target, other, SETTINGS, ingested.data_root, tmp_path / "translator")


def test_a_classifier_of_another_number_of_identities_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    other = classifier_of(tmp_path / "other", identities=9)
    with pytest.raises(UserError, match="was trained on 9 identities, and the source market1501 has 8"):
        stage.run(ingested.source, ingested.target, other, SETTINGS, ingested.data_root, tmp_path / "translator")


def test_the_style_may_be_that_of_one_part_with_people_numbered_as_the_classifier_does(
    ingested: Ingested, tmp_path: Path
) -> None:
    source = joined([Manifest.load(ingested.source), Manifest.load(ingested.target)], "joint")
    people = source.images["person"].iloc[source.rows("joint", 0, "train")]
    classifier = classifier_of(tmp_path / "classifier", people.nunique(), source="joint")
    config = {"source": "joint", "protocol": "joint", "classifier": {"identities": people.nunique()}}
    all_rows, every = stage.training_set(source, classifier, config, "")
    rows, sampler = stage.training_set(source, classifier, config, "market1501")
    assert set(source.part_of_images.iloc[all_rows]) == {"grid", "market1501"}
    assert set(source.part_of_images.iloc[rows]) == {"market1501"}
    labels = dict(zip(all_rows.tolist(), every.labels.tolist(), strict=True))
    assert sampler.labels.tolist() == [labels[row] for row in rows.tolist()]


def test_a_translator_is_trained_on_the_style_of_one_part(ingested: Ingested, tmp_path: Path) -> None:
    parts = [ingested.source, ingested.target]
    manifest = join.run(parts, "joint", ingested.data_root, tmp_path / "joint")
    people = manifest.images["person"].iloc[manifest.rows("joint", 0, "train")].nunique()
    classifier = classifier_of(tmp_path / "classifier", people, "joint", "joint")
    settings = SETTINGS.model_copy(update={"style": "grid", "allow_shared_people": True, "protocol": "standard"})
    settings = settings.model_copy(update={"classifier_rate": 0.01})
    out = tmp_path / "translator"
    stage.run(tmp_path / "joint", ingested.source, classifier, settings, ingested.data_root, out)
    assert load_translator(out)[1]["settings"]["style"] == "grid"


def test_the_result_is_the_chosen_candidate_with_its_classifier(
    ingested: Ingested, classifier: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"classifier_rate": 0.01, "steps": 3})
    out = tmp_path / "translator"
    stage.run(ingested.source, ingested.target, classifier, settings, ingested.data_root, out)
    _, config = load_translator(out)
    measured = {
        entry.step + 1: entry.values["selection/score"]
        for entry in read_history(out / "history.jsonl")
        if "selection/score" in entry.values
    }
    assert measured.keys() == {1, 2, 3}
    assert config["selection"]["score"] == min(measured.values())
    assert measured[config["selection"]["step"]] == config["selection"]["score"]
    tuned, before = load_classifier(out)[0], load_classifier(classifier)[0]
    assert not torch.equal(tuned.identity_head.weight, before.identity_head.weight)


def test_the_first_picture_is_of_the_untrained_generator(
    ingested: Ingested, classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    shown: list[int] = []
    monkeypatch.setattr(StageRun, "log_image", lambda self, name, image, step: shown.append(step))
    settings = SETTINGS.model_copy(update={"steps": 3, "picture_steps": 2})
    out = tmp_path / "translator"
    with caplog.at_level("INFO"):
        stage.run(ingested.source, ingested.target, classifier, settings, ingested.data_root, out)
    assert shown == [0, 2, 3]
    assert re.search(rf"wrote the translators after step \d of 3 to {out}", caplog.text)


def test_gan_has_no_reconstructions_to_fine_tune_on() -> None:
    with pytest.raises(UserError, match="method gan reconstructs no images"):
        TrainGanSettings.parse({"method": "gan", "classifier_rate": 0.1})


def test_a_target_without_that_protocol_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="market1501 has no protocol 'folds10': choose from standard"):
        stage.run(ingested.source, ingested.source, classifier, SETTINGS, ingested.data_root, tmp_path / "translator")


def test_a_folder_without_a_classifier_is_refused(ingested: Ingested, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model in .* give the folder a training stage wrote"):
        stage.run(ingested.source, ingested.target, tmp_path, SETTINGS, ingested.data_root, tmp_path / "translator")
