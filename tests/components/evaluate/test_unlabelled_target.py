"""Evaluation of a target whose people nobody knows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from simpgan.components.core.data.image_tensors import load_decoded
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier, load_classifier
from simpgan.components.core.models.model_folder import model_digest, save_model
from simpgan.components.core.models.translator import Generator, GeneratorConfig
from simpgan.components.core.models.unlabelled_score import TranslatorJudge, selection_score
from simpgan.components.core.results.methods import STATISTICS, with_part
from simpgan.components.core.results.probes import read_probes
from simpgan.components.core.results.rows import read_results
from simpgan.components.core.results.unlabelled_checks import Checks, read_checks
from simpgan.components.core.tracking import read_history
from simpgan.components.evaluate import stage
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.ingest.layouts.base import role
from simpgan.components.translate import stage as translate
from simpgan.components.translate.settings import TranslateSettings
from tests.conftest import Ingested

SETTINGS = EvaluateSettings(batch=16, precision="fp32", probes_shown=2, points_shown=12)
UNADAPTED = {"matched": False, "adabn": False, "camera_adabn": False}
SPLIT = {"protocol": "cameras", "fold": 0}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Knows nothing yet, but sees."""
    torch.manual_seed(0)
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=8, height=32, width=32))
    folder = tmp_path_factory.mktemp("classifier")
    config = {"classifier": network.config.model_dump(), "source": "market1501", "protocol": "standard"}
    settings = {"seed": 0, "verification_weight": 1.0}
    save_model(folder, {"classifier": network}, {**config, "settings": settings})
    return folder


@pytest.fixture(scope="module")
def target(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of the underground network as somebody's cameras send them."""
    known = Manifest.load(ingested.target)
    images = known.images.assign(person=None)
    folder = tmp_path_factory.mktemp("target")
    Manifest("station", images, role("cameras", 0, "train", np.ones(len(images), bool))).save(folder)
    return folder


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    config = GeneratorConfig(height=32, width=32, channels=4, blocks=1, input_skip=True)
    networks = {name: Generator(config) for name in ("f", "g")}
    training = {"method": "simpgan", **SPLIT, "seed": 5, "steps": 3}
    folder = tmp_path_factory.mktemp("translator")
    save_model(folder, networks, {"generator": config.model_dump(), "settings": training})
    return folder


@pytest.fixture(scope="module")
def output(
    ingested: Ingested, classifier: Path, target: Path, translator: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("output")
    network, config = load_classifier(classifier)
    for method in ("self-training", "simpgan+self-training"):
        learned = {"settings": {"seed": 0}, "adaptation": {"method": method, **SPLIT, "seed": 0, "steps": 3}}
        save_model(folder / method, {"classifier": network}, {**config, **learned})
    translate.run(target, translator, TranslateSettings(precision="fp32"), ingested.data_root, folder / "translated")
    rows = stage.run(
        ingested.source,
        target,
        classifier,
        SETTINGS,
        ingested.data_root,
        folder,
        translated=[folder / "translated"],
        translators=[translator],
        counterparts=[folder / "self-training", folder / "simpgan+self-training"],
    )
    assert rows == []
    return folder


@pytest.fixture(scope="module")
def checks(output: Path) -> Checks:
    return read_checks(output / "checks.json")


def test_every_method_has_its_checks(checks: Checks, target: Path, classifier: Path) -> None:
    bases = ("direct", "simpgan", "matched-set", "matched-image", "self-training")
    assert set(checks.methods) == {*bases, *(with_part(base, part) for base in bases for part in STATISTICS)}
    assert (checks.target, checks.classifier) == (Manifest.load(target).digest, model_digest(classifier))
    images = len(Manifest.load(target).images)
    assert (checks.sample.protocol, checks.sample.fold) == ("cameras", 0)
    assert checks.sample.target == min(images, 256)


def test_a_self_trained_classifier_is_its_own_judge_and_has_forgotten_the_identities(checks: Checks) -> None:
    """Its weights are those of the source's classifier here, so all other checks are."""
    for own, other in (("self-training", "direct"), ("self-training+camera-adabn", "camera-adabn")):
        measured, expected = checks.methods[own], checks.methods[other]
        assert measured.entropy is None
        assert measured == expected.model_copy(update={"entropy": None})


def test_images_as_recorded_are_what_others_are_held_against(checks: Checks) -> None:
    direct = checks.methods["direct"]
    assert (direct.frechet, direct.neighbours, direct.score) == (pytest.approx(1), 1, pytest.approx(1))
    assert checks.methods["adabn"].frechet != pytest.approx(1)
    for method, measures in checks.methods.items():
        assert measures.score == pytest.approx(measures.frechet / measures.neighbours**0.5), method
        assert (measures.cycle_target is None) == (not method.startswith("simpgan")), method


def test_a_translation_has_the_numbers_that_its_training_would_choose_by(
    checks: Checks, ingested: Ingested, classifier: Path, target: Path, translator: Path
) -> None:
    """Up to the eight bits in which translations are stored."""
    from simpgan.components.core.models.classifier import load_classifier
    from simpgan.components.core.models.model_folder import load_network
    from simpgan.components.core.models.translator import load_translator

    source, unlabelled = Manifest.load(ingested.source), Manifest.load(target)
    rows = (source.rows("standard", 0, "train"), unlabelled.rows("cameras", 0, "train"))
    decoded = [
        load_decoded(ingested.data_root, manifest, each, 32, 32, torch.device("cpu"))
        for manifest, each in zip((source, unlabelled), rows, strict=True)
    ]
    judge = TranslatorJudge(load_classifier(classifier)[0].freeze(), *decoded, seed=SETTINGS.seed, precision="fp32")
    f, _ = load_translator(translator)
    g = load_network(translator, "g", load_translator(translator)[0])
    expected = judge.measure(f.eval(), g.eval())
    measured = checks.methods["simpgan"]
    assert measured.frechet == pytest.approx(expected["frechet"], rel=0.02)
    assert measured.neighbours == pytest.approx(expected["neighbours"], abs=0.03)
    assert measured.cycle_target == pytest.approx(expected["cycle_target"], rel=0.02)
    assert measured.entropy == pytest.approx(expected["entropy"], rel=0.02)
    assert measured.score == pytest.approx(selection_score(expected), rel=0.05)


def test_results_have_no_rows_and_no_probes(output: Path) -> None:
    assert read_results(output / "results.json") == []
    assert read_probes(output / "probes.parquet").empty


def test_the_page_says_what_nobody_knows_and_shows_pictures(output: Path) -> None:
    page = (output / "report.html").read_text()
    assert "<h1>Without labels, accuracy cannot be measured.</h1>" in page
    assert "SimPGAN has the label-free score" in page
    assert "It cannot know:" in page
    for absent in ("rank-1", "Rank-1", "right person at rank", "✓", "✗", "Cumulative"):
        assert absent not in page, absent
    assert page.count('<li class="open">') == 2 * 4 * 10  # images, methods, neighbours
    assert Image.open(output / "to-source.png").width > 100
    assert Image.open(output / "features.png").width > 100
    assert not (output / "cmc.svg").exists()


def test_checks_are_tracked(output: Path) -> None:
    [*_, last] = read_history(output / "history.jsonl")
    assert {"check/score/simpgan", "check/frechet/simpgan-adabn", "check/neighbours/adabn"} <= set(last.values)
    assert not any(name.startswith("rank-1") for name in last.values)


def test_probes_of_people_whom_nobody_knows_are_no_labels(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    known = Manifest.load(ingested.target)
    Manifest("grid", known.images.assign(person=None), known.roles).save(tmp_path / "target")
    settings = SETTINGS.model_copy(update={**UNADAPTED, "points_shown": 0, "probes_shown": 1})
    out = tmp_path / "out"
    assert stage.run(ingested.source, tmp_path / "target", classifier, settings, ingested.data_root, out) == []
    assert set(read_checks(out / "checks.json").methods) == {"direct"}
    assert "Only all250, fold 0 was evaluated." in (out / "report.html").read_text()


def test_a_split_without_a_match_costs_the_others_nothing(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    known = Manifest.load(ingested.target)
    roles = known.roles
    of_fold = (roles["protocol"] == "folds10") & (roles["fold"] == 3)
    person = known.images["person"].to_numpy()[roles["image"]]
    matches = of_fold & (roles["role"] == "gallery") & ~pd.isna(person)
    Manifest("grid", known.images, roles[~matches]).save(tmp_path / "target")
    quick = {
        **UNADAPTED,
        "points_shown": 0,
        "probes_shown": 0,
        "protocols": ["folds10"],
    }
    settings = SETTINGS.model_copy(update=quick)
    out = tmp_path / "out"
    rows = stage.run(ingested.source, tmp_path / "target", classifier, settings, ingested.data_root, out)
    assert {row.fold for row in rows} == set(range(10)) - {3}
    page = (out / "report.html").read_text()
    assert "No probe can be ranked: none of the" in page
    assert "probes in folds10, fold 3 has a correct match by another camera in the gallery" in page


def test_a_single_image_is_refused(ingested: Ingested, classifier: Path, target: Path, tmp_path: Path) -> None:
    one = Manifest.load(target).images.head(1)
    Manifest("station", one, role("cameras", 0, "train", np.ones(1, bool))).save(tmp_path / "target")
    with pytest.raises(UserError, match="1 training image of the target: label-free checks need two"):
        stage.run(ingested.source, tmp_path / "target", classifier, SETTINGS, ingested.data_root, tmp_path / "out")


def test_a_target_without_images_is_refused(ingested: Ingested, classifier: Path, target: Path, tmp_path: Path) -> None:
    none = Manifest.load(target)
    Manifest("station", none.images, none.roles.head(0)).save(tmp_path / "target")
    with pytest.raises(UserError, match="the target station has no images: nothing can be measured"):
        stage.run(ingested.source, tmp_path / "target", classifier, SETTINGS, ingested.data_root, tmp_path / "out")


def test_damaged_checks_are_refused(output: Path, tmp_path: Path) -> None:
    document = json.loads((output / "checks.json").read_text())
    for damage in ({**document, "schema": 2}, {**document, "methods": {"direct": {}}}, []):
        (tmp_path / "checks.json").write_text(json.dumps(damage))
        with pytest.raises(UserError, match="is not a file of label-free checks of this version"):
            read_checks(tmp_path / "checks.json")
