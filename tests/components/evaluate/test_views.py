"""What belongs to a target, and inputs that do not belong together."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from simpgan.components.core.data.features import save_features
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.model_folder import model_digest, save_model
from simpgan.components.evaluate.data_sets import Target, TargetSplit
from simpgan.components.evaluate.views import (
    MethodRun,
    counterpart_views,
    ready_made_features,
    refuse_repeated,
    translated_views,
)
from tests.conftest import Ingested

TRAINING = {"method": "simpgan", "protocol": "folds10", "fold": 3, "seed": 5, "steps": 7}


@pytest.fixture(scope="module")
def target(ingested: Ingested) -> Target:
    return Target.load(ingested.target, [], ingested.data_root)


@pytest.fixture(scope="module")
def source(ingested: Ingested) -> Manifest:
    return Manifest.load(ingested.source)


def translator_in(folder: Path, seed: int = 0, classifier: SiameseClassifier | None = None) -> Path:
    """A model folder; nothing here asks what its generators do."""
    config: dict[str, Any] = {"generator": {"height": 32, "width": 32}, "settings": {"seed": seed}}
    networks: dict[str, nn.Module] = {"f": nn.Linear(1, 1)}
    if classifier:
        config["classifier"] = classifier.config.model_dump()
        networks["classifier"] = classifier
    save_model(folder, networks, config)
    return folder


def translation_in(folder: Path, target: Target, translator: Path, **changes: Any) -> Path:
    """A translation that changed nothing."""
    target.manifest.save(folder)
    origin = {
        "settings": TRAINING,
        "variant": "",
        "direction": "target-to-source",
        "selection": None,
        "inputs": {"images": target.manifest.digest, "translator": model_digest(translator)},
        **changes,
    }
    (folder / "translation.json").write_text(json.dumps(origin))
    return folder


def classifier_in(folder: Path, **config: Any) -> Path:
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=32))
    written = {
        "classifier": network.config.model_dump(),
        "source": "market1501",
        "settings": {"verification_weight": 1},
    }
    save_model(folder, {"classifier": network}, written | config)
    return folder


def test_a_translation_knows_its_training_and_its_split(target: Target, tmp_path: Path) -> None:
    translator = translator_in(tmp_path / "translator")
    selection = {"step": 5, "score": 0.25}
    folder = translation_in(tmp_path / "a", target, translator, variant="rate=1", selection=selection)
    [view] = translated_views(target, [folder], [translator])
    assert view.run == MethodRun("simpgan", 5, "rate=1", 7, 0.25)
    assert view.splits == (TargetSplit("folds10", 3),)
    assert view.changed
    assert (view.translator, view.classifier) == (translator, None)


def test_translators_are_found_whatever_their_order(target: Target, tmp_path: Path) -> None:
    translators = [translator_in(tmp_path / f"translator{seed}", seed) for seed in range(2)]
    folders = [translation_in(tmp_path / f"{place}", target, each) for place, each in enumerate(translators)]
    assert [each.translator for each in translated_views(target, folders, translators[::-1])] == translators


def test_a_classifier_that_was_fine_tuned_with_the_translator_looks(target: Target, tmp_path: Path) -> None:
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=32))
    translator = translator_in(tmp_path / "translator", classifier=network)
    [view] = translated_views(target, [translation_in(tmp_path / "a", target, translator)], [translator])
    assert view.classifier == translator


def test_what_was_trained_for_a_protocol_left_out_is_left_out(ingested: Ingested, tmp_path: Path) -> None:
    target = Target.load(ingested.target, ["all250"], ingested.data_root)
    assert target.splits == (TargetSplit("all250", 0),)
    folder = translation_in(tmp_path / "a", target, translator_in(tmp_path / "translator"))
    assert translated_views(target, [folder], []) == []


def test_a_translation_of_another_manifest_is_refused(ingested: Ingested, target: Target, tmp_path: Path) -> None:
    other = Target.load(ingested.source, [], ingested.data_root)
    folder = translation_in(tmp_path / "a", other, translator_in(tmp_path / "translator"))
    with pytest.raises(UserError, match=r"'.*a' is no translation of the target grid: translate that one by F"):
        translated_views(target, [folder], [])


def test_a_translation_by_g_is_refused(target: Target, tmp_path: Path) -> None:
    translator = translator_in(tmp_path / "translator")
    folder = translation_in(tmp_path / "a", target, translator, direction="source-to-target")
    with pytest.raises(UserError, match="is no translation of the target grid"):
        translated_views(target, [folder], [])


def test_a_manifest_that_nobody_translated_is_refused(ingested: Ingested, target: Target) -> None:
    with pytest.raises(UserError, match=r"has no translation\.json; give a folder translate wrote"):
        translated_views(target, [ingested.target], [])


def test_a_translation_without_its_translator_is_refused(target: Target, tmp_path: Path) -> None:
    folder = translation_in(tmp_path / "a", target, translator_in(tmp_path / "translator"))
    other = translator_in(tmp_path / "other", seed=1)
    with pytest.raises(UserError, match=r"the translator that made '.*a' is not among those given"):
        translated_views(target, [folder], [other])


def test_a_translator_that_made_none_of_the_translations_is_refused(target: Target, tmp_path: Path) -> None:
    translator, other = (translator_in(tmp_path / f"translator{seed}", seed) for seed in range(2))
    folder = translation_in(tmp_path / "a", target, translator)
    with pytest.raises(UserError, match=r"the translator '.*translator1' made none of the translations"):
        translated_views(target, [folder], [translator, other])
    with pytest.raises(UserError, match=r"the translator '.*translator1' made none of the translations"):
        translated_views(target, [], [other])


def test_a_fold_that_is_not_there_is_refused(source: Manifest, target: Target, tmp_path: Path) -> None:
    training = {**TRAINING, "fold": 10}
    explanation = "'.*made' was trained for a split that is not there: .* no fold 10: folds go from 0 to 9"
    folder = translation_in(tmp_path / "made", target, translator_in(tmp_path / "translator"), settings=training)
    with pytest.raises(UserError, match=explanation):
        translated_views(target, [folder], [])
    with pytest.raises(UserError, match=explanation):
        counterpart_views(source, target, [classifier_in(tmp_path / "classifier/made", adaptation=training)])
    rows = np.arange(len(target.manifest.images))
    description = {**training, "target": target.manifest.digest}
    save_features(tmp_path / "features/made", rows, np.ones((len(rows), 2), np.float32), description)
    with pytest.raises(UserError, match=explanation):
        ready_made_features(target, [tmp_path / "features/made"])


def test_a_counterpart_looks_at_the_images_as_recorded_in_its_split(
    source: Manifest, target: Target, tmp_path: Path
) -> None:
    folder = classifier_in(tmp_path / "classifier", adaptation={**TRAINING, "method": "source-to-target"})
    [view] = counterpart_views(source, target, [folder])
    assert view.run == MethodRun("source-to-target", 5, steps=7)
    assert view.images.manifest is target.manifest
    assert (view.splits, view.classifier, view.changed) == ((TargetSplit("folds10", 3),), folder, False)
    assert view.compares_pairs


def test_a_self_trained_classifier_has_no_verification_score(source: Manifest, target: Target, tmp_path: Path) -> None:
    adaptation = {**TRAINING, "method": "self-training"}
    folder = classifier_in(tmp_path / "classifier", adaptation=adaptation, settings={"epochs": 1})
    [view] = counterpart_views(source, target, [folder])
    assert not view.compares_pairs


def test_a_counterpart_of_another_source_or_target_is_refused(source: Manifest, target: Target, tmp_path: Path) -> None:
    adaptation = {**TRAINING, "method": "self-training"}
    of_other_source = classifier_in(tmp_path / "a", adaptation=adaptation, source="cuhk01")
    with pytest.raises(UserError, match=r"'.*a' was trained on cuhk01, and the source is market1501"):
        counterpart_views(source, target, [of_other_source])
    of_other_translation = classifier_in(tmp_path / "d", adaptation=adaptation, source="cuhk01 by simpgan")
    with pytest.raises(UserError, match="was trained on cuhk01 by simpgan"):
        counterpart_views(source, target, [of_other_translation])
    of_translation = classifier_in(tmp_path / "e", adaptation=adaptation, source="market1501 by simpgan")
    assert counterpart_views(source, target, [of_translation])
    of_other_target = classifier_in(tmp_path / "b", adaptation=adaptation, target="viper")
    with pytest.raises(UserError, match=r"'.*b' has learned from images of viper, and the target is grid"):
        counterpart_views(source, target, [of_other_target])
    assert counterpart_views(source, target, [classifier_in(tmp_path / "c", adaptation=adaptation, target="grid")])


def test_a_classifier_of_the_source_as_it_is_is_no_counterpart(
    source: Manifest, target: Target, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"'.*classifier' is no classifier that was trained for a target"):
        counterpart_views(source, target, [classifier_in(tmp_path / "classifier")])
    with pytest.raises(UserError, match=r"'.*translator' is no classifier that was trained for a target"):
        counterpart_views(source, target, [translator_in(tmp_path / "translator")])


def test_features_of_another_target_are_refused(target: Target, tmp_path: Path) -> None:
    description = {**TRAINING, "method": "umdl", "target": "0" * 64}
    save_features(tmp_path / "umdl", np.arange(2), np.ones((2, 2), np.float32), description)
    with pytest.raises(UserError, match=r"the features in '.*umdl' are not of the target grid: make them of that one"):
        ready_made_features(target, [tmp_path / "umdl"])


def test_the_same_run_twice_is_refused() -> None:
    run, split = MethodRun("simpgan", 5, "rate=1"), TargetSplit("folds10", 3)
    refuse_repeated([(run, split), (MethodRun("simpgan", 6, "rate=1"), split), (run, TargetSplit("folds10", 4))])
    with pytest.raises(UserError, match=r"simpgan rate=1 was given 2 times for folds10, fold 3, seed 5: give it once"):
        refuse_repeated([(run, split), (MethodRun("simpgan", 5, "rate=1", score=0.5), split)])


def test_unknown_protocol_is_refused(ingested: Ingested) -> None:
    with pytest.raises(UserError, match="no protocol 'folds11': choose from all250, folds10"):
        Target.load(ingested.target, ["folds11"], ingested.data_root)


def test_a_target_without_probes_has_no_labels(target: Target, ingested: Ingested, tmp_path: Path) -> None:
    roles = target.manifest.roles[target.manifest.roles["role"] == "train"]
    Manifest("unlabelled", target.manifest.images, roles).save(tmp_path / "unlabelled")
    unlabelled = Target.load(tmp_path / "unlabelled", [], ingested.data_root)
    assert target.labelled
    assert not unlabelled.labelled
    assert unlabelled.splits == target.splits
    split = TargetSplit("folds10", 3)
    assert unlabelled.searched([split]).tolist() == target.rows(split, "train").tolist()


def test_splits_are_grouped_by_their_unlabelled_images(target: Target) -> None:
    groups = target.by_unlabelled_images(target.splits, at_least=2)
    assert sorted(str(split) for _, group in groups for split in group) == sorted(map(str, target.splits))
    for rows, group in groups:
        for split in group:
            np.testing.assert_array_equal(rows, target.rows(split, "train"))
