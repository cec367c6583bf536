"""The gap between source and target for a classifier: a number, and a picture (the paper's Fig. 5)."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simpgan.components.core.models.extraction import extract
from simpgan.components.evaluate.evaluation import ShownSplit, classifier_or
from simpgan.components.evaluate.figures import FeatureMap
from simpgan.components.evaluate.settings import EvaluateSettings

NEIGHBOURS = 10


def measure_domain_gap(shown: ShownSplit, settings: EvaluateSettings) -> tuple[dict[str, float], list[FeatureMap]]:
    """Return the overlap of source and target by label, and feature maps of some methods.

    Maps are those of methods that change images or statistics. Both are computed on a random sample of the source's
    training images and of the searched images, of equal size. With AdaBN, of the whole set or per camera, the source's
    features are those with the source's statistics.
    """
    searched = shown.target.searched([shown.split])
    count = min(settings.points_shown, len(shown.source.rows), len(searched))
    if count < 2:
        return {}, []
    random = np.random.default_rng(settings.seed)
    of_source, of_target = (
        np.sort(random.choice(rows, count, replace=False)) for rows in (shown.source.rows, searched)
    )

    @cache
    def source_features(classifier: Path | None) -> NDArray[np.float32]:
        """Return the source's features by the classifier in a model folder; None: by the source's classifier."""
        network = classifier_or(shown.network, classifier)
        return extract(network, shown.source.images, of_source, **settings.extraction, label="source").unit

    overlaps: dict[str, float] = {}
    maps: list[FeatureMap] = []
    recorded: NDArray[np.float32] | None = None
    for each in shown.evaluations:
        # Ready-made features have no classifier; a counterpart was trained on another source than this one.
        if each.features is None or each.view is None or (each.view.classifier and not each.view.changed):
            continue
        source, adapted = source_features(each.view.classifier), each.features.select(of_target).unit
        overlaps[each.label] = overlap(source, adapted)
        if each.method == "direct":
            recorded = adapted
        elif "+" not in each.method:
            clouds = {"source": source, "adapted": adapted}
            if recorded is not None and not each.view.classifier:
                clouds = {"source": source, "recorded": recorded, "adapted": adapted}
            maps.append(FeatureMap(each.label, plane(clouds, settings.seed), overlaps[each.label]))
    return overlaps, maps


def overlap(first: NDArray[np.float32], second: NDArray[np.float32], neighbours: int = NEIGHBOURS) -> float:
    """Return how mixed two clouds of features are, from 0 (apart) to about 1 (they cannot be told apart).

    The overlap is the share of the points' nearest neighbours (by cosine, in feature space) that belong to the other
    cloud, over the share that chance gives.

    Args:
        first: [N, D] float32 of length 1.
        second: [N, D] float32 of length 1.
        neighbours: neighbours per point; fewer if the clouds are too small for them.

    Raises:
        ValueError: the clouds differ in size.
    """
    if first.shape != second.shape:
        raise ValueError(f"clouds of shapes {first.shape} and {second.shape}: take as many points of both")
    count = len(first)
    points = np.concatenate([first, second])
    distance = -points @ points.T
    np.fill_diagonal(distance, np.inf)
    looked_at = min(neighbours, 2 * count - 1)
    nearest = np.argpartition(distance, looked_at - 1, axis=1)[:, :looked_at]
    of_second = np.arange(2 * count) >= count
    share = (of_second[nearest] != of_second[:, None]).mean()
    return float(share / (count / (2 * count - 1)))


def plane(clouds: dict[str, NDArray[np.float32]], seed: int) -> dict[str, NDArray[np.float32]]:
    """Map features [N, D] of length 1 to points [N, 2] with the same neighbourhoods (t-SNE, van der Maaten 2008)."""
    points = np.concatenate(list(clouds.values()))
    perplexity = min(30.0, (len(points) - 1) / 3)
    # scikit-learn crashes on points that are all the same: their principal components are NaN.
    start = "pca" if np.ptp(points, axis=0).any() else "random"
    from sklearn.manifold import TSNE

    flat = TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(points)
    ends = np.cumsum([len(cloud) for cloud in clouds.values()])
    return dict(zip(clouds, np.split(flat, ends[:-1]), strict=True))
