"""Graphs: the closed form for identities, the update code by code, and the matching across cameras."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from simpgan.components.umdl.graphs import IdentityGraph, LinkGraph, cosines, matched_across_cameras, no_links

A, G = 5.0, 0.1


def identity_links(person: np.ndarray) -> np.ndarray:
    return (person[:, None] == person).astype(float) - np.eye(len(person))


def laplacian(links: np.ndarray) -> np.ndarray:
    return np.diag(links.sum(axis=1)) - links


def problem(seed: int, images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gram matrix, right side, and some codes."""
    rng = np.random.default_rng(seed)
    dictionary = rng.standard_normal((9, 4)) / 3
    return dictionary.T @ dictionary, dictionary.T @ rng.standard_normal((9, images)), rng.standard_normal((4, images))


def objective(gram: np.ndarray, right: np.ndarray, codes: np.ndarray, links: np.ndarray) -> float:
    """sum_i |x_i - P z_i|^2 + a tr(Z L Z') + g |Z|^2, less |X|^2; the graph's part pair by pair."""
    fit = np.trace(codes.T @ gram @ codes) - 2 * np.sum(right * codes)
    differences = ((codes[:, :, None] - codes[:, None, :]) ** 2).sum(axis=0)
    return fit + A * np.sum(links * differences) / 2 + G * np.sum(codes**2)


people = st.lists(st.integers(0, 3), min_size=1, max_size=8).map(np.array)


@settings(max_examples=10, deadline=None)
@given(people, st.integers(0, 1000))
def test_the_closed_form_is_where_the_update_code_by_code_ends(person: np.ndarray, seed: int) -> None:
    gram, right, codes = problem(seed, len(person))
    closed = IdentityGraph(person).smooth(gram, right, codes, 1, G)
    by_code = LinkGraph(csr_array(identity_links(person)))
    np.testing.assert_allclose(by_code.smooth(gram, right, closed, 1, G), closed, atol=1e-8)
    for _ in range(500):
        codes = by_code.smooth(gram, right, codes, 1, G)
    np.testing.assert_allclose(codes, closed, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(people, st.integers(0, 1000))
def test_the_closed_form_has_no_slope(person: np.ndarray, seed: int) -> None:
    gram, right, codes = problem(seed, len(person))
    closed = IdentityGraph(person).smooth(gram, right, codes, A, G)
    slope = gram @ closed - right + A * closed @ laplacian(identity_links(person)) + G * closed
    np.testing.assert_allclose(slope, 0, atol=1e-9)


def test_one_code_after_the_other_as_the_method_prints_it() -> None:
    links = np.array([[0, 0.5, 0.2], [0.5, 0, 0], [0.2, 0, 0]])
    gram, right, codes = problem(0, 3)
    expected = codes.copy()
    for i in range(3):
        others = sum(laplacian(links)[i, j] * expected[:, j] for j in range(3) if j != i)
        matrix = gram + (A * laplacian(links)[i, i] + G) * np.eye(4)
        expected[:, i] = np.linalg.solve(matrix, right[:, i] - A * others)
    np.testing.assert_allclose(LinkGraph(csr_array(links)).smooth(gram, right, codes, A, G), expected, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 7))
def test_codes_never_get_worse(seed: int, images: int) -> None:
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((images, images)) * (rng.random((images, images)) < 0.5), 1)
    person = rng.integers(0, 3, images)
    gram, right, codes = problem(seed, images)
    for graph, links in (
        (LinkGraph(csr_array(weights + weights.T)), weights + weights.T),
        (IdentityGraph(person), identity_links(person)),
    ):
        before = objective(gram, right, codes, links)
        after = objective(gram, right, graph.smooth(gram, right, codes, A, G), links)
        assert after <= before + 1e-9 * abs(before)


@settings(max_examples=30, deadline=None)
@given(people, st.integers(0, 1000))
def test_energy_is_half_the_squared_difference_of_linked_codes(person: np.ndarray, seed: int) -> None:
    _, _, codes = problem(seed, len(person))
    links = identity_links(person)
    expected = np.trace(codes @ laplacian(links) @ codes.T)
    assert IdentityGraph(person).energy(codes) == pytest.approx(expected, abs=1e-9)
    assert LinkGraph(csr_array(links)).energy(codes) == pytest.approx(expected, abs=1e-9)


def test_without_links_every_code_is_a_ridge_regression() -> None:
    gram, right, codes = problem(0, 3)
    expected = np.linalg.solve(gram + G * np.eye(4), right)
    np.testing.assert_allclose(no_links(3).smooth(gram, right, codes, A, G), expected, atol=1e-12)


def unit(*degrees: float) -> np.ndarray:
    """Codes whose cosines are those of the angles between them."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def test_partners_are_assigned_for_the_best_sum_not_greedily() -> None:
    # Images 0 and 1 of camera 1; 2 and 3 of camera 2. The closest pair, 1 and 2 (5 degrees), would leave
    # 0 and 3 at 95 degrees: 0.996 + 0. Straight across it is cos 35 + cos 65 = 1.242.
    links = matched_across_cameras(unit(0, 40, 35, 105), np.array([1, 1, 2, 2]), 0.05).links.toarray()
    expected = np.zeros((4, 4))
    expected[0, 2] = expected[2, 0] = np.cos(np.radians(35))
    expected[1, 3] = expected[3, 1] = np.cos(np.radians(65))
    np.testing.assert_allclose(links, expected, atol=1e-12)


def test_cosines_below_the_floor_are_no_link() -> None:
    # 88 degrees: cosine 0.035.
    assert matched_across_cameras(unit(0, 88), np.array([0, 1]), 0.05).links.nnz == 0
    assert matched_across_cameras(unit(0, 88), np.array([0, 1]), 0.03).links.nnz == 2


def test_images_of_one_camera_or_of_an_unknown_one_are_not_linked() -> None:
    assert matched_across_cameras(unit(0, 0, 0), np.array([3, 3, -1]), 0.05).links.nnz == 0


def test_every_image_gets_at_most_one_partner_in_each_other_camera() -> None:
    rng = np.random.default_rng(0)
    camera = rng.integers(0, 3, 20)
    links = matched_across_cameras(rng.random((5, 20)), camera, 0.05).links.toarray()
    np.testing.assert_array_equal(links, links.T)
    for one in range(3):
        assert (np.count_nonzero(links[:, camera == one], axis=1) <= (camera != one)).all()


def test_codes_of_nothing_are_like_nothing() -> None:
    assert cosines(np.zeros((3, 2)), np.ones((3, 1))).tolist() == [[0], [0]]
