"""A ranking as a row of results, and the images behind it."""

import numpy as np
import pandas as pd
import pytest
import torch

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.extraction import PreparedImages
from simpgan.components.core.process.progress import Progress
from simpgan.components.evaluate import evaluation
from simpgan.components.evaluate.companions import Companion, Companions
from simpgan.components.evaluate.data_sets import LabelledSource, Target, TargetSplit
from simpgan.components.evaluate.evaluation import (
    Evaluation,
    evaluate_views,
    places_in,
    results_row,
)
from simpgan.components.evaluate.metrics import rank
from simpgan.components.evaluate.passes import passes_with_statistics
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.evaluate.unlabelled_checks import LabelFreeChecks
from simpgan.components.evaluate.views import MethodRun, View, recorded_view
from tests.components.core.models.test_camera_statistics import Pictures, manifest_of
from tests.conftest import Ingested

COMMON = {
    "source": "a",
    "target": "b",
    "across_cameras": False,
    "preset": "small",
    "hardware": "a computer, 2 cores",
    "date": "2020-02-29",
    "commit": "0123abc-dirty",
}


def test_a_row_is_a_ranking_in_percent():
    images = np.linspace(1, 0, 30)[:, None]
    ranking = rank(
        np.ones((2, 1)),
        images,
        query_person=[3, 9],
        gallery_person=[0] * 7 + [3] + [0] * 22,
        query_camera=[1, 1],
        gallery_camera=[2] * 30,
    )
    run = MethodRun("simpgan", 1, "rate=1", steps=9, score=0.5)
    made = results_row(Evaluation(run, "simpgan+adabn", TargetSplit("all", 3), ranking), COMMON)
    assert made.model_dump(include=set(COMMON)) == COMMON
    assert (made.method, made.variant, made.protocol, made.fold) == ("simpgan+adabn", "rate=1", "all", 3)
    assert (made.seed, made.steps, made.score) == (1, 9, 0.5)
    assert (made.rank_1, made.rank_5, made.rank_10, made.rank_20) == (0, 0, 100, 100)
    assert (made.mAP, made.mAP_trapezoidal, made.mINP) == (100 / 8, 100 / 16, 100 / 8)
    assert (made.probes, made.left_out, made.gallery) == (1, 1, 30)


def test_a_probes_place_in_the_gallery_is_found_where_it_is_there():
    assert places_in(np.array([2, 5, 9]), np.array([0, 2, 7, 9, 12])).tolist() == [-1, 0, -1, 2, -1]
    assert places_in(np.array([], dtype=np.int64), np.array([3])).tolist() == [-1]


def test_no_test_image_is_looked_at_for_statistics():
    """Images of the test people that are no numbers change nothing."""
    manifest = manifest_of([1, 2] * 20)
    roles = pd.DataFrame({"image": range(40), "protocol": "all", "fold": 0, "role": ["train"] * 34 + ["gallery"] * 6})
    manifest = type(manifest)("station", manifest.images, roles)
    split = TargetSplit("all", 0)
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=32)).eval()
    images = torch.rand(40, 3, 32, 32)
    found = []
    for test in (images[34:], torch.full((6, 3, 32, 32), torch.nan)):
        view = View(MethodRun("direct", 0), Pictures(torch.cat([images[:34], test]), manifest), (split,))
        settings = EvaluateSettings(precision="fp32")
        passes = list(passes_with_statistics(Target(manifest, (split,), ""), view, network, settings))
        assert [(seen.part, seen.splits) for seen, _ in passes] == [
            (part, (split,)) for part in ("", "adabn", "camera-adabn")
        ]
        found.append(passes[-1][-1])
    first, second = ([each.whole, *each.by_camera.values()] for each in found)
    assert len(first) == len(second) == 3
    for before, after in zip(first, second, strict=True):
        assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_one_bar_counts_the_images_of_all_methods(ingested: Ingested, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = []

    class Counting(Progress):
        def __init__(self, what: str, total: int, unit: str) -> None:
            super().__init__(what, total, unit)
            self.total, self.done = total, 0
            bars.append(self)

        def update(self, count: int = 1) -> None:
            self.done += count

    monkeypatch.setattr(evaluation, "Progress", Counting)
    target = Target.load(ingested.target, ["folds10"], ingested.data_root)
    images = PreparedImages(target.manifest, ingested.data_root)
    settings = EvaluateSettings(precision="fp32", verification=False)
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=16)).eval()
    checks = LabelFreeChecks(LabelledSource(images, np.arange(4)), target, target.splits[0], settings)
    others = [View(MethodRun("gan", 0), images, target.splits[:1], changed=True)]
    companions = Companions((Companion(network, LabelledSource(images, np.arange(4)), {}),), "with another")
    list(evaluate_views(target, recorded_view(target, 0), others, network, settings, checks, companions))
    assert [(bar.total, bar.done) for bar in bars] == [(bars[0].total, bars[0].total)]
    assert bars[0].total > len(target.searched(target.splits))
