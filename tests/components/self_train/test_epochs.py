"""The choice of an epoch by measures that need no label."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from simpgan.components.core.tracking import stage_run
from simpgan.components.self_train.clustering import OUTLIER, Clustering
from simpgan.components.self_train.epochs import EpochSelector, score
from tests.components.self_train.data_set import tiny

PAIRS = np.repeat(np.arange(20), 2)


def found(labels: np.ndarray, silhouette: float = 0.5) -> Clustering:
    return Clustering(labels, torch.zeros(labels.max() + 1, 2), silhouette)


def selected(folder: Path, *clusterings: Clustering, choose: str = "score") -> tuple[EpochSelector, list[float]]:
    """A selector that has seen the start and some epochs, and the weights of the one it chose, which are its number."""
    network = nn.Linear(1, 1, bias=False)
    with stage_run("self_train", settings={}, history=folder / "history.jsonl") as run:
        selector = EpochSelector(network, tiny(choose=choose), run)
        selector.start(clusterings[0])
        for epoch, clustering in enumerate(clusterings[1:], start=1):
            nn.init.constant_(network.weight, epoch)
            selector.consider(clustering, epoch)
    if selector.best:
        selector.restore_best()
    return selector, network.weight.flatten().tolist()


def test_score_is_the_product_of_its_shares() -> None:
    own = {"agreement": 0.5, "silhouette": 0.2, "outliers": 0.25, "largest": 0.1}
    assert score(own) == pytest.approx(0.5 * 0.6 * 0.75 * 0.9)
    assert score(own | {"agreement": -0.1}) == 0


def test_the_steadiest_epoch_is_the_result(tmp_path: Path) -> None:
    other = np.roll(PAIRS, 1)
    selector, weights = selected(tmp_path, found(PAIRS), found(other), found(other), found(PAIRS))
    assert weights == [2]
    assert [each.get("agreement") for each in selector.epochs][2] == 1


def test_the_last_epoch_is_the_result_if_asked_for(tmp_path: Path) -> None:
    other = np.roll(PAIRS, 1)
    assert selected(tmp_path, found(PAIRS), found(PAIRS), found(other), choose="last")[1] == [2]


@pytest.mark.parametrize("worse", [found(PAIRS, 0.1), found(np.where(PAIRS < 10, PAIRS, OUTLIER))])
def test_blurred_clusters_and_outliers_lower_the_score(tmp_path: Path, worse: Clustering) -> None:
    better, other = (
        selected(tmp_path / name, found(each.labels), each)[0] for name, each in (("a", found(PAIRS)), ("b", worse))
    )
    assert better.epochs[1]["score"] > other.epochs[1]["score"]


def test_collapsed_clusters_are_no_result(tmp_path: Path) -> None:
    few = np.repeat(np.arange(4), 10)
    selector, weights = selected(tmp_path, found(PAIRS), found(PAIRS), found(few))
    assert selector.collapsed
    assert weights == [1]
    assert not selected(tmp_path / "none", found(PAIRS), found(few))[0].best
