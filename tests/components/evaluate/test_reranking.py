"""Rankings by cosine and shared neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.extraction import Extracted, PreparedImages
from simpgan.components.evaluate.companions import Companion, Companions
from simpgan.components.evaluate.data_sets import LabelledSource, Target
from simpgan.components.evaluate.evaluation import evaluate_views, ids_to_rank, rank_by_cosine, rank_split
from simpgan.components.evaluate.metrics import rank
from simpgan.components.evaluate.reranking import COSINE_WEIGHT, K1, K2, shared_neighbours
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.evaluate.unlabelled_checks import LabelFreeChecks
from simpgan.components.evaluate.views import MethodRun, View, recorded_view
from tests.components.core.neighbours.test_jaccard import dense_jaccard, people
from tests.conftest import Ingested


@settings(max_examples=20)
@given(count=st.integers(2, 8), images=st.integers(2, 7), noise=st.floats(0.1, 2), seed=st.integers(0, 1000))
def test_shared_neighbours_are_those_of_the_dense_definition(count: int, images: int, noise: float, seed: int) -> None:
    features = people(count, images, noise=noise, seed=seed).double().numpy()
    probes = np.arange(0, len(features), images)
    gallery = np.setdiff1d(np.arange(len(features)), probes)
    expected = 1 - dense_jaccard(features, min(K1, len(features)), min(K2, len(features)))
    found = shared_neighbours(features, probes, gallery)
    assert found.shape == (len(probes), len(gallery))
    assert np.allclose(found.toarray(), expected[np.ix_(probes, gallery)], atol=1e-5)


@given(seed=st.integers(0, 1000))
def test_an_addend_changes_ranks_as_it_changes_similarities(seed: int) -> None:
    random = np.random.default_rng(seed)
    probes, gallery = random.normal(size=(3, 4)), random.normal(size=(9, 4))
    addend = random.normal(size=(3, 9)) * (random.random((3, 9)) < 0.5)
    people = np.arange(9) % 3
    cameras = {"query_camera": [0] * 3, "gallery_camera": [1] * 9}
    found = rank(
        probes, gallery, query_person=range(3), gallery_person=people, **cameras, addend=sparse.csr_array(addend)
    )
    order = np.argsort(-(probes @ gallery.T + addend), axis=1)
    first = [1 + int(np.flatnonzero(people[order[probe]] == probe)[0]) for probe in range(3)]
    assert found.first_rank.tolist() == first


@pytest.fixture(scope="module")
def features(ingested: Ingested) -> tuple[Target, Extracted]:
    """A generated target, and made-up features of its probes and gallery images that are not easy to tell apart."""
    target = Target.load(ingested.target, ["folds10"], ingested.data_root)
    rows = target.searched(target.splits[:1])
    random = np.random.default_rng(0)
    people = ids_to_rank(target.manifest)[0][rows]
    values = random.normal(size=(people.max() + 2, 8))[people] + 1.5 * random.normal(size=(len(rows), 8))
    return target, Extracted(rows, (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32))


def test_a_split_is_ranked_by_the_weighted_sum_of_both_similarities(features: tuple[Target, Extracted]) -> None:
    target, seen = features
    split = target.splits[0]
    ways = dict(rank_by_cosine(target, split, seen, EvaluateSettings(rerank=True)))
    unit, rows = seen.unit, [target.rows(split, role) for role in ("query", "gallery")]
    count = len(unit)
    similarity = COSINE_WEIGHT * unit @ unit.T + (1 - COSINE_WEIGHT) * (
        1 - dense_jaccard(unit, min(K1, count), min(K2, count))
    )
    places = [np.searchsorted(seen.rows, own) for own in rows]
    expected = rank_split(target, split, similarity[np.ix_(*places)], np.eye(len(rows[1])), EvaluateSettings())
    assert ways["reranked"].first_rank.tolist() == expected.first_rank.tolist()
    assert ways["reranked"].average_precision == pytest.approx(expected.average_precision)
    assert ways["reranked"].first_rank.tolist() != ways[""].first_rank.tolist()


def test_nothing_is_ranked_again_unless_it_is_asked_for(features: tuple[Target, Extracted]) -> None:
    target, seen = features
    assert list(dict(rank_by_cosine(target, target.splits[0], seen, EvaluateSettings()))) == [""]


def test_every_ranking_by_cosine_is_repeated(ingested: Ingested) -> None:
    whole = Target.load(ingested.target, ["folds10"], ingested.data_root)
    target = whole.only(whole.splits[0])
    images = PreparedImages(target.manifest, ingested.data_root)
    settings = EvaluateSettings(precision="fp32", rerank=True)
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=16)).eval()
    source = LabelledSource(images, np.arange(4))
    checks = LabelFreeChecks(source, target, target.splits[0], settings)
    others = [View(MethodRun("gan", 0), images, target.splits, changed=True)]
    companions = Companions((Companion(network, source, {}),), "with another")
    found = evaluate_views(target, recorded_view(target, 0), others, network, settings, checks, companions)
    measured = {each.method for each in found}
    plain = {method for method in measured if not {"reranked", "verification"} & set(method.split("+"))}
    assert {"direct", "camera-adabn+fused", "camera-adabn+joined", "camera-adabn+whitened", "gan+adabn+fused"} <= plain
    assert {method for method in measured if "reranked" in method} == {f"{method}+reranked" for method in plain}
