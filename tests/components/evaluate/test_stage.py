"""The stages from pretraining to evaluation, on small generated camera networks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from components.core.data.decoded import iterate_batches, to_unit_range
from components.core.data.manifest import Manifest
from components.core.models.classifier import SiameseClassifier, load_classifier
from components.core.results.rows import ResultsRow, read_results
from components.core.runtime.errors import UserError
from components.evaluate import stage
from components.evaluate.evaluation import image_versions
from components.evaluate.features import extract, with_statistics_of
from components.evaluate.settings import EvaluateSettings
from components.pretrain import stage as pretrain
from components.pretrain.settings import PretrainSettings
from components.train_gan import stage as train_gan
from components.train_gan.settings import TrainGanSettings
from components.translate import stage as translate
from components.translate.settings import TranslateSettings
from tests.conftest import Ingested

SIZE = {"height": 32, "width": 32, "crop_padding": 2, "precision": "fp32"}
SETTINGS = EvaluateSettings(batch=4, precision="fp32", probes_shown=2)


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


@pytest.fixture(scope="module")
def translated(ingested: Ingested, classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translated")
    settings = TrainGanSettings.parse(
        {"channels": 4, "blocks": 1, "steps": 3, "protocol": "folds10", "fold": 3, "seed": 5, **SIZE}
    )
    train_gan.run(ingested.source, ingested.target, classifier, settings, ingested.data_root, folder / "translator")
    translate.run(ingested.target, folder / "translator", TranslateSettings(), ingested.data_root, folder / "manifest")
    return folder / "manifest"


@pytest.fixture(scope="module")
def results(
    ingested: Ingested, classifier: Path, translated: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[ResultsRow], Path]:
    output = tmp_path_factory.mktemp("results")
    rows = stage.run(ingested.source, ingested.target, classifier, [translated], SETTINGS, ingested.data_root, output)
    return rows, output


def test_each_method_has_its_splits(results: tuple[list[ResultsRow], Path]) -> None:
    rows, _ = results
    splits = {
        method: [(row.protocol, row.fold) for row in rows if row.method == method]
        for method in ("direct", "adabn", "simpgan", "simpgan+adabn")
    }
    everything = [("all250", 0), *(("folds10", fold) for fold in range(10))]
    assert splits["direct"] == everything
    assert sorted(splits["adabn"]) == everything
    assert splits["simpgan"] == splits["simpgan+adabn"] == [("folds10", 3)]


def test_rows_say_what_they_measured(results: tuple[list[ResultsRow], Path], ingested: Ingested) -> None:
    rows, output = results
    assert read_results(output / "results.json") == rows
    target = Manifest.load(ingested.target)
    for row in rows:
        assert (row.source, row.target) == ("market1501", "grid")
        assert row.probes == len(target.rows(row.protocol, row.fold, "query"))
        assert row.gallery == len(target.rows(row.protocol, row.fold, "gallery"))
        assert row.rank_1 <= row.rank_5 <= row.rank_10 <= row.rank_20
    assert {row.seed for row in rows if row.method.startswith("simpgan")} == {5}


def test_report_and_figures_are_there(results: tuple[list[ResultsRow], Path]) -> None:
    _, output = results
    page = (output / "report.html").read_text()
    assert "SimPGAN" in page
    assert "folds10, fold 3" in page
    assert (output / "cmc.svg").read_bytes().startswith(b"<?xml")


def test_features_have_length_one_and_do_not_depend_on_the_batch(ingested: Ingested, classifier: Path) -> None:
    network, _ = load_classifier(classifier)
    network.eval()
    target = Manifest.load(ingested.target)
    rows = np.array([5, 2, 9])
    together = extract(network, target, rows, SETTINGS, ingested.data_root, "test")
    alone = extract(network, target, rows[1:2], SETTINGS, ingested.data_root, "test")
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


def batch_norm_layers(network: SiameseClassifier) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]


def test_adabn_has_the_statistics_of_the_images_and_nothing_else_changes(ingested: Ingested, classifier: Path) -> None:
    """Against torch's own batch normalisation in training, on one batch of all images."""
    network, _ = load_classifier(classifier)
    network.eval()
    target = Manifest.load(ingested.target)
    rows = target.rows("folds10", 0, "train")
    settings = SETTINGS.model_copy(update={"batch": len(rows)})
    adapted = with_statistics_of(network, target, rows, settings, ingested.data_root)

    reference, _ = load_classifier(classifier)
    for layer in batch_norm_layers(reference):
        layer.momentum = 1.0
    images = next(iterate_batches(ingested.data_root, target, rows, 32, 32, len(rows)))
    with torch.no_grad():
        reference.train()(to_unit_range(images))
    for ours, theirs in zip(batch_norm_layers(adapted), batch_norm_layers(reference), strict=True):
        torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=1e-3, atol=1e-4)
    for (name, ours), theirs in zip(adapted.named_parameters(), network.parameters(), strict=True):
        assert torch.equal(ours, theirs), name


def test_unknown_protocol_is_refused(ingested: Ingested) -> None:
    settings = EvaluateSettings(protocols=["folds11"])
    with pytest.raises(UserError, match="no protocol 'folds11': choose from all250, folds10"):
        image_versions(Manifest.load(ingested.target), [], 0, settings)


def test_a_target_without_probes_is_refused(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    target = Manifest.load(ingested.target)
    roles = target.roles[target.roles["role"] == "train"]
    Manifest("unlabelled", target.images, roles).save(tmp_path / "unlabelled")
    with pytest.raises(UserError, match="no protocol with probes"):
        stage.run(
            ingested.source, tmp_path / "unlabelled", classifier, [], SETTINGS, ingested.data_root, tmp_path / "out"
        )
