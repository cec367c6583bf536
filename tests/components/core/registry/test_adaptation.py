"""The folder that holds an adaptation: what it computes, and what it refuses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from simpgan.components.core.data.image_tensors import iterate_batches
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import load_classifier
from simpgan.components.core.models.extraction import PreparedImages, extract, measure_statistics
from simpgan.components.core.models.model_folder import load_network, model_digest, save_model
from simpgan.components.core.models.translator import load_translator
from simpgan.components.core.models.whitening import Whitening
from simpgan.components.core.registry.adaptation import load_adaptation, save_adaptation
from simpgan.components.core.registry.description import REGISTRABLE, Description, verify
from simpgan.components.core.results.methods import METHODS, PARTS
from simpgan.components.translate import stage as translate
from simpgan.components.translate.settings import TranslateSettings
from tests.components.core.registry.adaptations import (
    SIZE,
    rewrite_config,
    write_classifier,
    write_translator,
    write_two_cameras,
)
from tests.conftest import Ingested

LOOKING: dict[str, Any] = {"batch": 16, "precision": "fp32"}


@dataclass(frozen=True)
class Parts:
    ingested: Ingested
    classifier: Path
    translator: Path

    def save(self, folder: Path, method: str, **changed: object) -> Description:
        given: dict[str, Any] = {
            "classifier": self.classifier,
            "translator": self.translator,
            "source": self.ingested.source,
            "target": self.ingested.target,
            "data_root": self.ingested.data_root,
            **LOOKING,
        }
        return save_adaptation(folder, method, **{**given, **changed})


@pytest.fixture(scope="module")
def parts(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    folder = tmp_path_factory.mktemp("parts")
    classifier = write_classifier(folder / "classifier", ingested)
    # Translated at another size than the classifier looks at, so that both resizes count.
    translator = write_translator(folder / "translator", ingested, classifier, height=48)
    return Parts(ingested, classifier, translator)


def whitened(features: np.ndarray, unlabelled: np.ndarray) -> np.ndarray:
    """Features [N, D], whitened by some of them."""
    return Whitening.of(features[unlabelled])(features)


@pytest.fixture(scope="module")
def companion(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Another classifier, to join features with."""
    classifier = write_classifier(tmp_path_factory.mktemp("companion") / "classifier", parts.ingested, seed=1)
    return {"companions": [classifier], "companion_sources": [parts.ingested.source]}


@pytest.mark.parametrize(
    "method", ["direct+joined", "adabn+joined", "camera-adabn+joined", "camera-adabn+joined+whitened"]
)
def test_joined_features_are_those_of_each_classifier_with_its_own_statistics(
    parts: Parts, companion: dict[str, list[Path]], tmp_path: Path, method: str
) -> None:
    target = write_two_cameras(tmp_path / "target", parts.ingested)
    rows = np.arange(len(target.images))
    unit = []
    for folder in (parts.classifier, *companion["companions"]):
        network, images = load_classifier(folder)[0].eval(), PreparedImages(target, parts.ingested.data_root)
        statistics = None
        if "adabn" in method:
            by_camera = "camera" in method
            statistics = measure_statistics(network, images, rows, **LOOKING, seed=0, by_camera=by_camera)
        own = extract(network, images, rows, **LOOKING, label="", statistics=statistics).unit
        unit.append(whitened(own, target.rows("all250", 0, "train")) if "whitened" in method else own)
    description = parts.save(
        tmp_path / "adaptation", method, target=tmp_path / "target", protocol="all250", **companion
    )
    assert verify(tmp_path / "adaptation") == description
    assert (description.source, description.variant) == ("market1501", "with market1501")
    adaptation = load_adaptation(tmp_path / "adaptation", torch.device("cpu"), "fp32")
    recorded = torch.cat(list(iterate_batches(parts.ingested.data_root, target, rows, *adaptation.size, 16)))
    features = adaptation.features(recorded, batch=16, cameras=list(target.shown("camera")))
    assert features.shape[1] == adaptation.dimensions == sum(each.shape[1] for each in unit)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(features @ features.T, np.mean([each @ each.T for each in unit], axis=0), atol=1e-5)


def test_joined_features_need_companions_and_name_them(
    parts: Parts, companion: dict[str, list[Path]], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"the method adabn\+joined joins the features of several classifiers"):
        parts.save(tmp_path / "refused", "adabn+joined")
    with pytest.raises(UserError, match="was trained on market1501, whose manifest is not given"):
        parts.save(tmp_path / "refused", "adabn+joined", companions=companion["companions"])
    alone, joined = (parts.save(tmp_path / method, method, **companion) for method in ("adabn", "adabn+joined"))
    assert len(joined.classifiers) == len(alone.classifiers) + 1
    assert alone.content == parts.save(tmp_path / "again", "adabn").content


@pytest.fixture(scope="module")
def translated(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translated")
    settings = TranslateSettings(precision="fp32")
    translate.run(parts.ingested.target, parts.translator, settings, parts.ingested.data_root, folder)
    return folder


@pytest.mark.parametrize(
    "method",
    ["direct", "adabn", "simpgan", "simpgan+adabn", "simpgan+camera-adabn", "simpgan+camera-adabn+whitened"],
)
def test_features_are_those_that_evaluate_measures(parts: Parts, translated: Path, tmp_path: Path, method: str) -> None:
    """On images as the translate stage stored them, with statistics of the split's unlabelled ones."""
    target, data_root = Manifest.load(parts.ingested.target), parts.ingested.data_root
    looked_at = Manifest.load(translated) if "simpgan" in method else target
    network, images = load_classifier(parts.classifier)[0].eval(), PreparedImages(looked_at, data_root)
    statistics = None
    if "adabn" in method:
        unlabelled = target.rows("folds10", 3, "train")
        statistics = measure_statistics(network, images, unlabelled, **LOOKING, seed=0)
    rows = np.arange(20)
    everything = np.arange(len(target.images))
    measured = extract(network, images, everything, **LOOKING, label="test", statistics=statistics).unit
    measured = (whitened(measured, unlabelled) if "whitened" in method else measured)[rows]

    parts.save(tmp_path, method, protocol="folds10", fold=3)
    adaptation = load_adaptation(tmp_path, torch.device("cpu"), "fp32")
    [decoded] = iterate_batches(data_root, target, rows, *adaptation.size, 20)
    features = adaptation.features(decoded, batch=7)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(features, measured, atol=2e-5)


@pytest.mark.parametrize("method", ["camera-adabn", "camera-adabn+whitened"])
def test_each_camera_has_the_features_that_evaluate_measures(parts: Parts, tmp_path: Path, method: str) -> None:
    """In any order; an image whose camera is not told is seen with the statistics of the whole set."""
    target, data_root = write_two_cameras(tmp_path / "target", parts.ingested), parts.ingested.data_root
    parts.save(tmp_path / "made", method, target=tmp_path / "target", protocol="all250")
    verify(tmp_path / "made")
    adaptation = load_adaptation(tmp_path / "made", torch.device("cpu"), "fp32")
    network, images = load_classifier(parts.classifier)[0].eval(), PreparedImages(target, data_root)
    statistics = measure_statistics(
        network, images, target.rows("all250", 0, "train"), **LOOKING, seed=0, by_camera=True
    )
    assert list(statistics.by_camera) == ["1"]
    rows = np.arange(len(target.images))
    by_camera, of_whole_set = (
        extract(network, images, rows, **LOOKING, label="test", statistics=each).unit
        for each in (statistics, statistics.of_whole_set)
    )
    if "whitened" in method:
        of_whole_set = Whitening.of(by_camera[target.rows("all250", 0, "train")])(of_whole_set)
        by_camera = whitened(by_camera, target.rows("all250", 0, "train"))
    assert np.abs(by_camera - of_whole_set).max() > 1e-3
    backwards = rows[::-1].copy()
    [decoded] = iterate_batches(data_root, target, backwards, *adaptation.size, len(rows))
    cameras = target.images["camera"].astype(str).iloc[backwards].tolist()
    np.testing.assert_allclose(adaptation.features(decoded, batch=7, cameras=cameras), by_camera[backwards], atol=2e-5)
    for unknown in (None, ["9"] * len(rows), [None] * len(rows)):
        features = adaptation.features(decoded, cameras=unknown)
        np.testing.assert_allclose(features, of_whole_set[backwards], atol=2e-5)


def test_images_of_any_size_are_resized_as_shards_are(parts: Parts, tmp_path: Path) -> None:
    parts.save(tmp_path, "direct")
    adaptation = load_adaptation(tmp_path, torch.device("cpu"), "fp32")
    target = Manifest.load(parts.ingested.target)
    [large] = iterate_batches(parts.ingested.data_root, target, np.arange(3), 90, 50, 3)
    network, _ = load_classifier(parts.classifier)
    seen = adaptation.prepared(large)
    assert seen.shape == (3, 3, network.config.height, network.config.width) == (3, 3, *SIZE.values())
    assert adaptation.features(large[:0]).shape == (0, 512)


def test_the_classifier_keeps_its_own_statistics_beside_those_of_the_target(parts: Parts, tmp_path: Path) -> None:
    """A training that goes on from a champion needs the classifier that its translator was trained with."""
    description = parts.save(tmp_path, "simpgan+adabn")
    assert description.digests["classifier"] == model_digest(tmp_path / "classifier") == model_digest(parts.classifier)
    adaptation = load_adaptation(tmp_path, torch.device("cpu"))
    assert adaptation.statistics is not None
    assert not torch.allclose(adaptation.classifier.neck.running_mean, adaptation.statistics.whole["neck.running_mean"])


def test_a_classifier_that_was_tuned_with_the_translator_looks_at_its_images(parts: Parts, tmp_path: Path) -> None:
    tuned = write_translator(tmp_path / "tuned", parts.ingested, parts.classifier, height=32)
    network, config = load_classifier(write_classifier(tmp_path / "other", parts.ingested, seed=1))
    generator, translating = load_translator(tuned)
    mapping = load_network(tuned, "g", load_translator(tuned)[0])
    save_model(
        tuned,
        {"f": generator, "g": mapping, "classifier": network},
        {**translating, "classifier": config["classifier"]},
    )
    parts.save(tmp_path / "adaptation", "simpgan", translator=tuned)
    looking = load_adaptation(tmp_path / "adaptation", torch.device("cpu")).classifier
    assert torch.equal(looking.identity_head.weight, network.identity_head.weight)


def test_what_it_is_made_of_is_one_content_wherever_it_is_put_together(parts: Parts, tmp_path: Path) -> None:
    first, second = (parts.save(tmp_path / name, "simpgan+adabn") for name in ("first", "second"))
    assert first.content == second.content
    assert (first.protocol, first.fold) == ("folds10", 3)
    assert verify(tmp_path / "first") == Description.read(tmp_path / "second")
    assert first.content != parts.save(tmp_path / "third", "simpgan").content
    assert "translator" not in parts.save(tmp_path / "fourth", "adabn").digests


def test_every_method_to_register_has_a_name() -> None:
    assert {part for method in REGISTRABLE for part in method.split("+")} <= METHODS.keys() | PARTS.keys()


@pytest.mark.parametrize(
    ("method", "changed", "message"),
    [
        ("simpgam", {}, "no adaptation has the method 'simpgam': did you mean 'simpgan'?"),
        ("simpgan+fused", {}, "no adaptation has the method 'simpgan\\+fused': did you mean"),
        ("simpgan", {"translator": None}, "the method simpgan translates images: give the translator too"),
        ("gan", {}, "was trained by simpgan, and the method is gan: give one trained by gan"),
        ("adabn", {"protocol": "folds7"}, "has no protocol 'folds7'"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    parts: Parts, tmp_path: Path, method: str, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        parts.save(tmp_path / "adaptation", method, **changed)


def test_a_translator_of_another_classifier_is_refused(parts: Parts, tmp_path: Path) -> None:
    other = write_classifier(tmp_path / "other", parts.ingested, seed=2)
    with pytest.raises(UserError, match="was trained with another classifier: give that one"):
        parts.save(tmp_path / "adaptation", "simpgan", classifier=other)


def test_folders_that_hold_none_and_damage_are_said_in_one_line(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no adaptation in .*: it has no adaptation\.json"):
        load_adaptation(tmp_path)
    parts.save(tmp_path, "adabn")
    rewrite_config(tmp_path / "classifier", source="another")
    with pytest.raises(UserError, match=r"is damaged, classifier/config.json has changed"):
        verify(tmp_path)
    (tmp_path / "classifier" / "config.json").unlink()
    with pytest.raises(UserError, match=r"is damaged, classifier/config.json is missing"):
        verify(tmp_path)
    (tmp_path / "statistics.safetensors").write_bytes(b"")
    with pytest.raises(UserError):
        load_adaptation(tmp_path)
    (tmp_path / "adaptation.json").write_text('{"schema": 2}')
    with pytest.raises(UserError, match="damaged or of another version"):
        load_adaptation(tmp_path)
