"""Ranking metrics against hand-computed cases, a brute-force loop and scikit-learn."""

from dataclasses import astuple

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from simpgan.components.core.errors import UserError
from simpgan.components.evaluate import metrics
from simpgan.components.evaluate.metrics import TIE, Gallery, rank, ranked_list, wrong_in_front


def listed(*images, probes=((7, 1),)):
    """Arguments of `rank`: images are (similarity to any probe, person, camera), probes (person, camera)."""
    similarity, gallery_person, gallery_camera = zip(*images, strict=True)
    query_person, query_camera = zip(*probes, strict=True)
    return {
        "query": np.ones((len(probes), 1)),
        "gallery": np.array(similarity)[:, None],
        "query_person": query_person,
        "gallery_person": gallery_person,
        "query_camera": query_camera,
        "gallery_camera": gallery_camera,
    }


def unit(random, count, width):
    features = random.standard_normal((count, width)).astype(np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def brute_force(case, max_rank):
    """Walk down every probe's list image by image; a tied wrong image comes before a tied correct one."""
    query, gallery, query_person, gallery_person, query_camera, gallery_camera = case.values()
    hits, stepwise, trapezoidal, penalties = [], [], [], []
    for q in range(len(query)):
        images = []
        for g in range(len(gallery)):
            correct = query_person[q] == gallery_person[g] != -1
            if correct and query_camera[q] == gallery_camera[g] != -1:
                continue
            images.append((-float(query[q] @ gallery[g]), correct))
        images.sort()
        matches = sum(correct for _, correct in images)
        if not matches:
            continue
        found, area, old_precision, sum_of_precisions, hit = 0, 0.0, 1.0, 0.0, []
        for position, (_, correct) in enumerate(images, 1):
            found += correct
            precision = found / position
            if correct:
                sum_of_precisions += precision
                area += (old_precision + precision) / 2
                last = position
            old_precision = precision
            hit.append(float(found > 0))
        hits.append((hit + [1.0] * max_rank)[:max_rank])
        stepwise.append(sum_of_precisions / matches)
        trapezoidal.append(area / matches)
        penalties.append(matches / last)
    return hits, stepwise, trapezoidal, penalties


@st.composite
def rankings(draw):
    """Arguments of `rank` with many ties (features are small integers), junk, distractors and lost probes."""
    probes, images = draw(st.integers(1, 6)), draw(st.integers(1, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values, persons, cameras = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    unknown_cameras = draw(st.booleans())
    return {
        "query": random.integers(-values, values + 1, (probes, 2)).astype(np.float32),
        "gallery": random.integers(-values, values + 1, (images, 2)).astype(np.float32),
        "query_person": random.integers(-1, persons, probes),
        "gallery_person": random.integers(-1, persons, images),
        "query_camera": random.integers(-unknown_cameras, cameras, probes),
        "gallery_camera": random.integers(-unknown_cameras, cameras, images),
    }


def reordered(case, order):
    return case | {name: case[name][order] for name in ("gallery", "gallery_person", "gallery_camera")}


def assert_equals_brute_force(case, max_rank):
    hits, stepwise, trapezoidal, penalties = brute_force(case, max_rank)
    if not hits:
        with pytest.raises(UserError, match="has a correct match"):
            rank(**case, max_rank=max_rank)
        return
    result = rank(**case, max_rank=max_rank)
    np.testing.assert_allclose(result.cmc, np.mean(hits, axis=0))
    assert result.mean_average_precision == pytest.approx(np.mean(stepwise))
    assert result.mean_average_precision_trapezoidal == pytest.approx(np.mean(trapezoidal))
    assert result.mean_inverse_negative_penalty == pytest.approx(np.mean(penalties))
    assert (result.valid, result.excluded) == (len(hits), len(case["query"]) - len(hits))
    np.testing.assert_allclose(result.average_precision[result.first_rank > 0], stepwise)
    assert np.isnan(result.average_precision[result.first_rank == 0]).all()


@given(rankings(), st.integers(1, 40))
def test_equals_a_walk_down_every_list(case, max_rank):
    assert_equals_brute_force(case, max_rank)


@given(rankings(), st.integers(1, 40))
def test_equals_a_walk_down_every_list_when_matches_are_many(case, max_rank):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "COUNTED_MATCHES", 1)
        assert_equals_brute_force(case, max_rank)


@given(rankings(), st.randoms(use_true_random=False))
def test_does_not_depend_on_the_order_of_files(case, shuffle):
    order = list(range(len(case["gallery"])))
    shuffle.shuffle(order)
    try:
        result = rank(**case)
    except UserError:
        return
    for before, after in zip(astuple(result), astuple(rank(**reordered(case, order))), strict=True):
        np.testing.assert_array_equal(before, after)


def test_equal_images_are_tied_wherever_they_stand_in_the_gallery():
    # 16 pictures, each ten times as the right and ten times as the wrong person.
    random = np.random.default_rng(0)
    case = {
        "query": unit(random, 8, 2048),
        "gallery": np.tile(unit(random, 16, 2048), (20, 1)),
        "query_person": np.zeros(8, int),
        "gallery_person": np.repeat([0, 1], 160),
        "query_camera": np.zeros(8, int),
        "gallery_camera": np.ones(320, int),
    }
    expected = rank(**case)
    assert expected.first_rank.tolist() == [11] * 8
    for _ in range(5):
        moved = rank(**reordered(case, random.permutation(320)))
        np.testing.assert_array_equal(moved.average_precision, expected.average_precision)


@given(st.integers(0, 2**32 - 1))
def test_average_precision_equals_scikit_learns_without_ties(seed):
    random = np.random.default_rng(seed)
    case = {
        "query": unit(random, 3, 8),
        "gallery": unit(random, 40, 8),
        "query_person": np.zeros(3, int),
        "gallery_person": np.append(random.integers(-1, 2, 39), 0),
        "query_camera": np.zeros(3, int),
        "gallery_camera": np.ones(40, int),
    }
    similarities = case["query"] @ case["gallery"].T
    assume(np.diff(np.sort(similarities)).min() > 2 * TIE)
    expected = [average_precision_score(case["gallery_person"] == 0, row) for row in similarities]
    np.testing.assert_allclose(rank(**case).average_precision, expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_counting_and_searching_agree(seed, matches):
    random = np.random.default_rng(seed)
    similarity = random.integers(-20, 20, 300).astype(np.float32)
    thresholds = np.sort(random.integers(-20, 20, matches).astype(np.float32))[::-1]
    np.testing.assert_array_equal(
        wrong_in_front(thresholds, similarity), [(similarity >= threshold).sum() for threshold in thresholds]
    )


def test_a_list_computed_by_hand():
    # Correct at ranks 1, 3 and 6: precisions 1, 2/3, 3/6; just before them 1 (nothing seen), 1/2, 2/5.
    persons = [7, 1, 7, 2, 3, 7, 4]
    result = rank(**listed(*((1 - place / 10, person, 2) for place, person in enumerate(persons))), max_rank=4)
    assert result.mean_average_precision == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert result.mean_average_precision_trapezoidal == pytest.approx(
        ((1 + 1) / 2 + (1 / 2 + 2 / 3) / 2 + (2 / 5 + 3 / 6) / 2) / 3
    )
    assert result.mean_inverse_negative_penalty == pytest.approx(3 / 6)
    assert result.cmc.tolist() == [1, 1, 1, 1]
    assert result.first_rank.tolist() == [1]


def test_cmc_is_the_share_of_probes_found_so_far():
    case = listed((0.9, 0, 2), (0.8, 1, 2), (0.7, 2, 2), probes=[(0, 1), (1, 1), (2, 1), (1, 1)])
    result = rank(**case, max_rank=3)
    assert result.first_rank.tolist() == [1, 2, 3, 2]
    assert result.cmc.tolist() == [0.25, 0.75, 1.0]


def test_the_same_person_seen_by_the_same_camera_is_ignored():
    # The nearest image is the probe's person from the probe's own camera; a wrong person from there stays.
    assert rank(**listed((0.9, 7, 1), (0.8, 3, 1), (0.7, 7, 2))).first_rank.tolist() == [2]


def test_an_unknown_camera_is_not_the_same_camera():
    assert rank(**listed((0.9, 7, -1), (0.8, 3, -1), probes=[(7, -1)])).first_rank.tolist() == [1]


def test_a_probe_does_not_find_itself():
    case = listed((0.9, 7, -1), (0.5, 8, -1), (0.4, 7, -1), probes=((7, -1), (7, -1)))
    result = rank(**case, own=[0, -1])
    assert result.first_rank.tolist() == [2, 1]
    gallery = Gallery(case["gallery"], case["gallery_person"], case["gallery_camera"])
    assert ranked_list([1], 7, -1, gallery, own=0)[0].tolist() == [1, 2]


def test_distractors_are_not_one_identity():
    case = listed((0.9, -1, 2), (0.8, -1, 2), (0.7, -1, 2), (0.6, 7, 2), probes=[(7, 1), (-1, 1)])
    result = rank(**case)
    assert result.first_rank.tolist() == [4, 0]
    assert (result.valid, result.excluded) == (1, 1)


def test_probes_without_a_match_do_not_lower_the_mean():
    result = rank(**listed((0.9, 7, 2), (0.8, 5, 2), probes=[(7, 1), (8, 1), (9, 1)]))
    assert result.cmc[0] == result.mean_average_precision == 1.0
    assert (result.valid, result.excluded) == (1, 2)


def test_the_curve_stays_at_its_last_value_beyond_a_small_gallery():
    result = rank(**listed((0.9, 3, 2), (0.8, 7, 2), (0.7, 4, 2)), max_rank=50)
    assert result.cmc.tolist() == [0.0] + [1.0] * 49


@pytest.mark.parametrize("persons", [[7, 3, 4], [3, 7, 4], [3, 4, 7]])
def test_features_that_tell_nobody_apart_score_no_hit(persons):
    assert rank(**listed(*((0.5, person, 2) for person in persons))).first_rank.tolist() == [3]


def test_images_within_the_rounding_of_a_product_are_tied():
    assert rank(**listed((0.5, 7, 2), (0.5 - 5e-7, 3, 2))).first_rank.tolist() == [2]
    assert rank(**listed((0.5, 7, 2), (0.5 - 5e-6, 3, 2))).first_rank.tolist() == [1]


def test_probes_are_ranked_alike_in_any_block(monkeypatch):
    random = np.random.default_rng(1)
    case = {
        "query": unit(random, 100, 16),
        "gallery": unit(random, 200, 16),
        "query_person": random.integers(0, 9, 100),
        "gallery_person": random.integers(0, 9, 200),
        "query_camera": random.integers(0, 3, 100),
        "gallery_camera": random.integers(0, 3, 200),
    }
    at_once = rank(**case)
    monkeypatch.setattr(metrics, "BLOCK_VALUES", 1)
    np.testing.assert_array_equal(rank(**case).first_rank, at_once.first_rank)


def test_takes_tensors():
    case = listed((0.9, 3, 2), (0.8, 7, 2))
    assert rank(**{name: torch.tensor(value) for name, value in case.items()}).first_rank.tolist() == [2]


def test_no_correct_match_at_all_is_refused():
    with pytest.raises(UserError, match="none of the 1 probes has a correct match in 2 gallery images"):
        rank(**listed((0.9, -1, 2), (0.8, 3, 2)))


def test_features_that_are_not_numbers_are_refused():
    with pytest.raises(UserError, match="1 of 2 gallery features are not finite"):
        rank(**listed((0.9, 7, 2), (np.nan, 3, 2)))


def test_ids_for_other_features_are_refused():
    with pytest.raises(ValueError, match="gallery: 2 features for 3 persons"):
        rank(**listed((0.9, 7, 2), (0.8, 3, 2)) | {"gallery_person": [7, 3, 4]})


def test_ranked_list_shows_what_is_scored():
    gallery = Gallery([[0.4], [0.9], [0.8], [0.8], [0.7]], [3, 7, 7, 2, -1], [2, 1, 2, 2, 2])
    images, correct = ranked_list([1.0], 7, 1, gallery, length=3)
    # Image 1 is from the probe's own camera; the wrong image 3 is tied with the correct 2: before it.
    assert images.tolist() == [3, 2, 4]
    assert correct.tolist() == [False, True, False]
