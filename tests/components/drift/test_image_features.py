"""An adaptation looks at images with all it does to them."""

from pathlib import Path

import numpy as np
import torch

from simpgan.components.core.data.image_tensors import load_decoded
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.registry.adaptation import load_adaptation, save_adaptation
from simpgan.components.drift.image_features import Model
from simpgan.components.drift.settings import DriftSettings
from tests.components.core.registry.adaptations import write_classifier, write_translator
from tests.conftest import Ingested


def test_features_are_those_of_the_adaptation(ingested: Ingested, tmp_path: Path) -> None:
    classifier = write_classifier(tmp_path / "classifier", ingested)
    save_adaptation(
        tmp_path / "adaptation",
        "simpgan+adabn",
        classifier=classifier,
        source=ingested.source,
        target=ingested.target,
        data_root=ingested.data_root,
        translator=write_translator(tmp_path / "translator", ingested, classifier),
        precision="fp32",
    )
    target, rows = Manifest.load(ingested.target), np.array([1, 4, 9])
    seen = Model(tmp_path / "adaptation", DriftSettings(precision="fp32")).extract(target, rows, ingested.data_root)
    adaptation = load_adaptation(tmp_path / "adaptation", torch.device("cpu"), "fp32")
    images = load_decoded(ingested.data_root, target, rows, *adaptation.size, torch.device("cpu"))
    np.testing.assert_allclose(seen.features, adaptation.features(images), atol=1e-5)
    joined = {"companions": [write_classifier(tmp_path / "other", ingested, 1)], "companion_sources": [ingested.source]}
    given = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    save_adaptation(tmp_path / "joined", "adabn+joined", classifier=classifier, precision="fp32", **given, **joined)
    by_both = Model(tmp_path / "joined", DriftSettings(precision="fp32")).extract(target, rows, ingested.data_root)
    expected = load_adaptation(tmp_path / "joined", torch.device("cpu"), "fp32").features(images)
    np.testing.assert_allclose(by_both.features, expected, atol=1e-5)
    for name, values in seen.measures.items():
        np.testing.assert_array_equal(by_both.measures[name], values)
    by_classifier = Model(classifier, DriftSettings(precision="fp32")).extract(target, rows, ingested.data_root)
    assert np.abs(seen.features - by_classifier.features).max() > 1e-3
    assert (seen.measures["height"] == target.images["height"].to_numpy()[rows]).all()
