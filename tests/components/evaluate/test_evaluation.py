"""A ranking as a row of results."""

import numpy as np

from components.evaluate.evaluation import Evaluation, Split, row_of
from components.evaluate.metrics import rank


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
    evaluation = Evaluation("direct", Split("all", 0), 1, ranking, np.arange(0), np.empty((0, 1)))
    made = row_of(evaluation, "a", "b")
    assert (made.rank_1, made.rank_5, made.rank_10, made.rank_20) == (0, 0, 100, 100)
    assert (made.mAP, made.mAP_trapezoidal, made.mINP) == (100 / 8, 100 / 16, 100 / 8)
    assert (made.probes, made.left_out, made.gallery) == (1, 1, 30)
