"""A ranking as a row of results."""

import numpy as np

from simpgan.components.evaluate.data_sets import TargetSplit
from simpgan.components.evaluate.evaluation import Evaluation, method_name, results_row
from simpgan.components.evaluate.metrics import rank
from simpgan.components.evaluate.views import MethodRun

COMMON = {
    "source": "a",
    "target": "b",
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


def test_a_method_is_called_by_its_parts():
    assert [method_name("direct", part) for part in ("", "adabn", "verification")] == [
        "direct",
        "adabn",
        "direct+verification",
    ]
    assert method_name(method_name("simpgan", "adabn"), "fused") == "simpgan+adabn+fused"
