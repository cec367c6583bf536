"""The stages from pretraining to evaluation, on small generated camera networks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from simpgan.components.core.data.features import save_features
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.camera_statistics import CameraStatistics, shrunk
from simpgan.components.core.models.classifier import load_classifier
from simpgan.components.core.models.extraction import PreparedImages, extract, measure_statistics
from simpgan.components.core.models.model_folder import load_network, model_digest, read_config, save_model
from simpgan.components.core.models.translator import load_translator
from simpgan.components.core.models.whitening import Whitening
from simpgan.components.core.results.methods import parsed
from simpgan.components.core.results.probes import read_probes
from simpgan.components.core.results.rows import ResultsRow, read_results
from simpgan.components.core.results.unlabelled_checks import read_checks
from simpgan.components.evaluate import stage
from simpgan.components.evaluate.metrics import rank
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.pretrain import stage as pretrain
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.train_gan import stage as train_gan
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.translate import stage as translate
from simpgan.components.translate.settings import TranslateSettings
from tests.components.core.registry.adaptations import write_two_cameras
from tests.conftest import Ingested

SIZE = {"height": 32, "width": 32, "crop_padding": 2, "precision": "fp32"}
SETTINGS = EvaluateSettings(batch=16, precision="fp32", probes_shown=2, points_shown=12, preset="tiny")
LOOKING: dict[str, Any] = {"batch": 16, "precision": "fp32"}


@pytest.fixture(scope="module")
def classifier(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    settings = PretrainSettings.parse(
        {
            "backbone": "resnet18",
            "weights": "none",
            "pairs": 8,
            "epochs": 2,
            "optimizer": "adam",
            "bn_neck": True,
            **SIZE,
        }
    )
    pretrain.run(ingested.source, settings, ingested.data_root, folder / "model")
    return folder / "model"


@dataclass(frozen=True)
class Adaptation:
    """What earlier stages made for folds10, fold 3."""

    translator: Path
    translated: Path
    counterpart: Path
    learned: Path
    features: Path


@pytest.fixture(scope="module")
def adaptation(ingested: Ingested, classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> Adaptation:
    folder = tmp_path_factory.mktemp("adaptation")
    made = Adaptation(*(folder / name for name in ("translator", "translated", "counterpart", "learned", "features")))
    settings = TrainGanSettings.parse(
        {"channels": 4, "blocks": 1, "steps": 3, "protocol": "folds10", "fold": 3, "seed": 5, **SIZE}
    )
    train_gan.run(ingested.source, ingested.target, classifier, settings, ingested.data_root, made.translator)
    translate.run(ingested.target, made.translator, TranslateSettings(), ingested.data_root, made.translated)
    # A counterpart with the weights of the classifier: then its rows must be those of direct transfer.
    network, config = load_classifier(classifier)
    split = {"protocol": "folds10", "fold": 3, "seed": 5, "steps": 3}
    save_model(
        made.counterpart, {"classifier": network}, {**config, "adaptation": {"method": "source-to-target", **split}}
    )
    of_self_training = {"settings": {"seed": 5}, "adaptation": {"method": "simpgan+self-training", **split}}
    save_model(made.learned, {"classifier": network}, {**config, **of_self_training})
    # Features that know everybody, of lengths that must not matter.
    target = Manifest.load(ingested.target)
    person = target.images["person"].fillna(0).to_numpy(dtype=np.int64)
    known = (
        np.eye(person.max() + 1, dtype=np.float32)[person] * np.arange(1, len(person) + 1, dtype=np.float32)[:, None]
    )
    description = {**split, "method": "umdl", "steps": 0, "target": target.digest}
    save_features(made.features, np.arange(len(known)), known, description)
    return made


@pytest.fixture(scope="module")
def results(
    ingested: Ingested, classifier: Path, adaptation: Adaptation, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[ResultsRow], Path]:
    output = tmp_path_factory.mktemp("results")
    rows = stage.run(
        ingested.source,
        ingested.target,
        classifier,
        SETTINGS,
        ingested.data_root,
        output,
        translated=[adaptation.translated],
        translators=[adaptation.translator],
        counterparts=[adaptation.counterpart, adaptation.learned],
        features=[adaptation.features],
    )
    return rows, output


def test_each_method_has_its_splits(results: tuple[list[ResultsRow], Path]) -> None:
    rows, _ = results
    splits: dict[str, list[tuple[str, int]]] = {}
    for row in rows:
        splits.setdefault(row.method, []).append((row.protocol, row.fold))
    everything = [("all250", 0), *(("folds10", fold) for fold in range(10))]
    statistics = ("", "+adabn", "+camera-adabn")
    compared = {f"{part}{way}" for part in statistics for way in ("", "+verification")}
    unchanged = {name.removeprefix("+") if "adabn" in name else f"direct{name}" for name in compared}
    further = ("+camera-adabn+fused", "+camera-adabn+whitened")
    unchanged |= {part.removeprefix("+") for part in further}
    changed = {
        f"{base}{part}"
        for base in ("simpgan", "matched-set", "matched-image")
        for part in (*compared, *(f"{part}+fused" for part in statistics), "+camera-adabn+whitened")
    }
    counterpart = {f"source-to-target{part}" for part in (*compared, *further)}
    learned = {f"simpgan+self-training{part}" for part in (*statistics, *further)}
    assert set(splits) == {"umdl", *unchanged, *changed, *counterpart, *learned}
    for method, of_method in splits.items():
        assert sorted(of_method) == (everything if method in unchanged else [("folds10", 3)]), method


def test_rows_say_what_they_measured(results: tuple[list[ResultsRow], Path], ingested: Ingested) -> None:
    rows, output = results
    assert read_results(output / "results.json") == rows
    target = Manifest.load(ingested.target)
    for row in rows:
        assert (row.source, row.target, row.preset) == ("market1501", "grid", "tiny")
        assert row.probes == len(target.rows(row.protocol, row.fold, "query"))
        assert row.gallery == len(target.rows(row.protocol, row.fold, "gallery"))
        assert row.rank_1 <= row.rank_5 <= row.rank_10 <= row.rank_20
        assert "" not in (row.hardware, row.date, row.commit)
    trained = [row for row in rows if parsed(row.method)[0] == "simpgan"]
    assert {(row.seed, row.steps) for row in trained} == {(5, 3)}
    assert {row.score for row in rows if row.method.startswith("matched")} == {None}


def test_the_label_free_score_of_the_translation_is_in_its_rows(
    results: tuple[list[ResultsRow], Path], adaptation: Adaptation
) -> None:
    selection = read_config(adaptation.translator)["selection"]
    scores = {row.score for row in results[0] if parsed(row.method)[0] == "simpgan"}
    assert scores == {selection["score"]}


def test_probes_add_up_to_their_rows(results: tuple[list[ResultsRow], Path], ingested: Ingested) -> None:
    rows, output = results
    probes = read_probes(output / "probes.parquet")
    assert set(probes["probe"]) <= set(Manifest.load(ingested.target).images["name"])
    for row in rows:
        own = probes[
            (probes[["method", "protocol", "fold"]] == [row.method, row.protocol, row.fold]).all(axis="columns")
        ]
        assert len(own) == row.probes + row.left_out
        assert 100 * (own["first_rank"] == 1).sum() / row.probes == pytest.approx(row.rank_1)
        assert 100 * own["average_precision"].mean() == pytest.approx(row.mAP)


def rates(rows: list[ResultsRow], method: str) -> tuple[float, ...]:
    [row] = [row for row in rows if (row.method, row.protocol, row.fold) == (method, "folds10", 3)]
    return row.rank_1, row.rank_5, row.rank_10, row.mAP, row.mINP


@pytest.mark.parametrize("method", ["source-to-target", "simpgan+self-training"])
def test_a_counterpart_with_the_same_weights_finds_the_same_people(
    results: tuple[list[ResultsRow], Path], method: str
) -> None:
    rows, _ = results
    assert rates(rows, method) == rates(rows, "direct")
    assert rates(rows, f"{method}+adabn") == rates(rows, "adabn")
    assert rates(rows, f"{method}+camera-adabn") == rates(rows, "camera-adabn")
    assert rates(rows, f"{method}+camera-adabn+fused") == rates(rows, "camera-adabn+fused")


def test_ready_made_features_are_ranked_by_cosine(results: tuple[list[ResultsRow], Path]) -> None:
    assert rates(results[0], "umdl") == (100, 100, 100, 100, 100)


def ranking(ingested: Ingested, query: np.ndarray, gallery: np.ndarray) -> tuple[float, ...]:
    """Rates of vectors [N, D] of all images of the target, in folds10, fold 3."""
    target = Manifest.load(ingested.target)
    rows = {role: target.rows("folds10", 3, role) for role in ("query", "gallery")}
    ids = {
        f"{role}_{column}": target.images[column].fillna(-1).to_numpy(dtype=np.int64)[rows[role]]
        for role in rows
        for column in ("person", "camera")
    }
    result = rank(query[rows["query"]], gallery[rows["gallery"]], **ids)
    head = [100 * result.cmc[place] for place in (0, 4, 9)]
    return *head, 100 * result.mean_average_precision, 100 * result.mean_inverse_negative_penalty


def test_fused_features_are_those_of_both_images_joined(
    results: tuple[list[ResultsRow], Path], ingested: Ingested, classifier: Path, adaptation: Adaptation
) -> None:
    """With AdaBN each half has the statistics of its own images."""
    for method in ("simpgan+fused", "simpgan+adabn+fused"):
        halves = []
        for folder in (ingested.target, adaptation.translated):
            network, images = (
                load_classifier(classifier)[0].eval(),
                PreparedImages(Manifest.load(folder), ingested.data_root),
            )
            statistics = None
            if "adabn" in method:
                unlabelled = images.manifest.rows("folds10", 3, "train")
                statistics = measure_statistics(network, images, unlabelled, **LOOKING, seed=SETTINGS.seed)
            everything = np.arange(len(images.manifest.images))
            halves.append(extract(network, images, everything, **LOOKING, label="test", statistics=statistics).unit)
        joined = np.hstack(halves) / np.float32(np.sqrt(2))
        assert rates(results[0], method) == pytest.approx(ranking(ingested, joined, joined)), method


def test_each_cameras_images_are_seen_with_its_statistics(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    """Camera 1 has enough images, camera 2 takes the whole set's; fused features also have the classifier's own."""
    target = write_two_cameras(tmp_path / "target", ingested)
    settings = SETTINGS.model_copy(update={"matched": False, "points_shown": 0})
    rows = stage.run(ingested.source, tmp_path / "target", classifier, settings, ingested.data_root, tmp_path / "out")
    network, unlabelled = load_classifier(classifier)[0].eval(), target.rows("all250", 0, "train")
    images, everything = PreparedImages(target, ingested.data_root), np.arange(len(target.images))
    camera_1 = target.images["camera"].to_numpy() == 1
    of_camera_1 = unlabelled[camera_1[unlabelled]]
    own, whole = (
        measure_statistics(network, images, some, **LOOKING, seed=SETTINGS.seed) for some in (of_camera_1, unlabelled)
    )
    own = CameraStatistics(shrunk(own.whole, whole.whole, network.state_dict(), len(of_camera_1)))
    plain, of_own, of_whole = (
        extract(network, images, everything, **LOOKING, label="test", statistics=each).unit
        for each in (None, own, whole)
    )
    seen = np.where(camera_1[:, None], of_own, of_whole)
    joined = np.hstack([plain, seen]) / np.float32(np.sqrt(2))
    found = {row.method: row.mAP for row in rows}
    assert found["camera-adabn"] == pytest.approx(mean_average_precision(target, seen), abs=1e-4)
    assert found["adabn"] == pytest.approx(mean_average_precision(target, of_whole), abs=1e-4)
    assert found["camera-adabn+fused"] == pytest.approx(mean_average_precision(target, joined), abs=1e-4)
    whitened = Whitening.of(seen[unlabelled])(seen)
    assert found["camera-adabn+whitened"] == pytest.approx(mean_average_precision(target, whitened), abs=1e-4)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "takes the statistics of the whole set for cameras with few images: camera 2 (4 images)." in page


def mean_average_precision(target: Manifest, features: np.ndarray) -> float:
    """In percent, in all250."""
    rows = {role: target.rows("all250", 0, role) for role in ("query", "gallery")}
    ids = {
        f"{role}_{column}": target.images[column].fillna(-1).to_numpy(dtype=np.int64)[rows[role]]
        for role in rows
        for column in ("person", "camera")
    }
    return 100 * rank(features[rows["query"]], features[rows["gallery"]], **ids).mean_average_precision


def test_verification_ranks_by_the_classifiers_score_of_every_pair(
    results: tuple[list[ResultsRow], Path], ingested: Ingested, classifier: Path
) -> None:
    network, images = (
        load_classifier(classifier)[0].eval(),
        PreparedImages(Manifest.load(ingested.target), ingested.data_root),
    )
    [batch] = images.batches(network, np.arange(len(images.manifest.images)), len(images.manifest.images))
    with torch.no_grad():
        embedding = (network(batch) + network(batch.flip(3))) / 2
        scores = torch.stack([network.verification_logit(one.expand_as(embedding), embedding) for one in embedding])
    # Ranked by their product with the gallery's unit vectors, rows of scores rank as they are.
    spread = (scores / scores.abs().max()).numpy()
    assert rates(results[0], "direct+verification") == pytest.approx(
        ranking(ingested, spread, np.eye(len(spread), dtype=np.float32))
    )


def test_a_classifier_that_never_saw_pairs_has_no_verification_rows(
    ingested: Ingested, classifier: Path, tmp_path: Path
) -> None:
    network, config = load_classifier(classifier)
    config["settings"]["verification_weight"] = 0.0
    save_model(tmp_path / "model", {"classifier": network}, config)
    settings = SETTINGS.model_copy(update={"protocols": ["all250"], "matched": False, "points_shown": 0})
    rows = stage.run(
        ingested.source, ingested.target, tmp_path / "model", settings, ingested.data_root, tmp_path / "out"
    )
    assert {row.method.partition("+")[2] for row in rows} == {"", "fused", "whitened"}


def test_a_fine_tuned_classifier_looks_at_its_translation(
    results: tuple[list[ResultsRow], Path],
    ingested: Ingested,
    classifier: Path,
    adaptation: Adaptation,
    tmp_path: Path,
) -> None:
    """Fine-tuned to nothing: all features are zero, so nobody is found."""
    network, _ = load_classifier(classifier)
    generator, config = load_translator(adaptation.translator)
    g = load_network(adaptation.translator, "g", load_translator(adaptation.translator)[0])
    nn.init.zeros_(network.neck.weight)
    nn.init.zeros_(network.neck.bias)
    networks = {"f": generator, "g": g, "classifier": network}
    save_model(tmp_path / "translator", networks, {**config, "classifier": network.config.model_dump()})
    translate.run(
        ingested.target, tmp_path / "translator", TranslateSettings(), ingested.data_root, tmp_path / "translated"
    )
    settings = SETTINGS.model_copy(update={"protocols": ["folds10"], "matched": False, "verification": False})
    rows = stage.run(
        ingested.source,
        ingested.target,
        classifier,
        settings,
        ingested.data_root,
        tmp_path / "out",
        translated=[tmp_path / "translated"],
        translators=[tmp_path / "translator"],
    )
    assert rates(rows, "direct") == rates(results[0], "direct")
    assert rates(rows, "simpgan")[0] == 0
    # The zeros join the recorded image's features and change no order.
    assert rates(rows, "simpgan+fused") == rates(rows, "direct")


def test_label_free_checks_are_beside_the_results(
    results: tuple[list[ResultsRow], Path], ingested: Ingested, classifier: Path
) -> None:
    """Of the split that most was trained for, on its unlabelled training images."""
    checks = read_checks(results[1] / "checks.json")
    bases = ("simpgan", "matched-set", "matched-image")
    statistics = ("adabn", "camera-adabn")
    adapted = {f"{base}+{part}" for base in bases for part in statistics}
    assert set(checks.methods) == {"direct", *statistics, *bases, *adapted}
    assert (checks.sample.protocol, checks.sample.fold) == ("folds10", 3)
    target = Manifest.load(ingested.target)
    assert checks.sample.target == len(target.rows("folds10", 3, "train"))
    assert (checks.target, checks.classifier) == (target.digest, model_digest(classifier))


def test_report_and_figures_are_there(results: tuple[list[ResultsRow], Path]) -> None:
    _, output = results
    page = (output / "report.html").read_text()
    for text in ("SimPGAN", "UMDL", "folds10, fold 3", "in the style of the source", "in the style of the target"):
        assert text in page
    assert (output / "cmc.svg").read_bytes().startswith(b"<?xml")
    for name in ("cmc-adabn", "cmc-camera-adabn"):
        assert (output / f"{name}.svg").read_bytes().startswith(b"<?xml")
    for name in ("to-source", "to-target", "features"):
        assert Image.open(output / f"{name}.png").width > 100


def test_the_source_itself_can_be_the_target_if_that_is_allowed(
    ingested: Ingested, classifier: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"allow_shared_people": True})
    rows = stage.run(ingested.source, ingested.source, classifier, settings, ingested.data_root, tmp_path / "out")
    assert {(row.source, row.target) for row in rows} == {("market1501", "market1501")}
    assert {"direct", "adabn", "matched-set", "matched-image+adabn+fused"} <= {row.method for row in rows}


def test_a_classifier_of_another_source_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was trained on market1501, and the source is grid: give the manifest of"):
        stage.run(ingested.target, ingested.source, classifier, SETTINGS, ingested.data_root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shared_people_are_refused_otherwise(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="show the same people"):
        stage.run(ingested.source, ingested.source, classifier, SETTINGS, ingested.data_root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_translation_colours_are_matched_in_every_split(
    ingested: Ingested, classifier: Path, tmp_path: Path
) -> None:
    quick = {"adabn": False, "camera_adabn": False, "verification": False, "points_shown": 0}
    settings = SETTINGS.model_copy(update=quick)
    rows = stage.run(ingested.source, ingested.target, classifier, settings, ingested.data_root, tmp_path / "out")
    for method in ("direct", "matched-set", "matched-image", "matched-set+fused"):
        assert sum(row.method == method for row in rows) == 11, method
