"""The dictionary learning: its objective as the method prints it, and that every update makes it less."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.umdl.domain import Domain, joint_weights, ridge_codes
from simpgan.components.umdl.graphs import IdentityGraph, cosines, matched_across_cameras, no_links
from simpgan.components.umdl.learning import OWN, SHARED, Learner
from simpgan.components.umdl.settings import UmdlSettings

A, B, G = 5.0, 0.8, 0.1
PERSON = np.repeat(np.arange(5), 3)
CAMERA = np.arange(12) % 3
SMALL = UmdlSettings(atoms=4, inner_steps=6, outer_steps=3)


def images(seed: int, features: int, count: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).random((features, count))
    return drawn / np.linalg.norm(drawn, axis=0)


def learner(seed: int = 0, settings: UmdlSettings = SMALL) -> Learner:
    return Learner(images(seed, 20, 15), PERSON, images(seed + 1, 20, 12), CAMERA, settings)


def squared(matrix: np.ndarray) -> float:
    return float((matrix**2).sum())


def printed_source(domain: Domain, person: np.ndarray) -> float:
    """|X - D A|^2 + b^2 |X - D A - R C|^2 + a tr(A L A') + g (|A|^2 + |C|^2)."""
    (d, r), (a, c), x = domain.dictionaries, domain.codes, domain.images
    links = (person[:, None] == person) - np.eye(len(person))
    laplacian = np.diag(links.sum(axis=1)) - links
    fit = squared(x - d @ a) + B**2 * squared(x - d @ a - r @ c)
    return fit + A * np.trace(a @ laplacian @ a.T) + G * (squared(a) + squared(c))


def printed_target(domain: Domain) -> float:
    """|X - D A|^2 + |X - D A - U B|^2 + b^2 |X - D A - U B - R C|^2 + a tr(Z L Z') + g (|Z|^2 + |C|^2)."""
    (d, u, r), (a, b, c), x = domain.dictionaries, domain.codes, domain.images
    z, links = np.vstack([a, b]), domain.graph.links.toarray()
    laplacian = np.diag(links.sum(axis=1)) - links
    fit = squared(x - d @ a) + squared(x - d @ a - u @ b) + B**2 * squared(x - d @ a - u @ b - r @ c)
    return fit + A * np.trace(z @ laplacian @ z.T) + G * (squared(z) + squared(c))


def test_the_objective_is_the_one_the_method_prints() -> None:
    learned = learner()
    for losses in learned.train():
        source, target = printed_source(learned.source, PERSON), printed_target(learned.target)
        assert losses["loss/source"] == pytest.approx(source, rel=1e-10)
        assert losses["loss/target"] == pytest.approx(target, rel=1e-10)
        assert losses["loss/objective"] == pytest.approx(0.25 * source + target, rel=1e-10)
    assert learned.target.graph.energy(learned.target.stacked_codes) > 0


UPDATES: dict[str, Callable[[Learner], None]] = {
    "codes of the source": lambda learned: learned.source.update_codes(),
    "codes of the target": lambda learned: learned.target.update_codes(),
    "residual codes of the source": lambda learned: learned.source.update_residual_codes(),
    "residual codes of the target": lambda learned: learned.target.update_residual_codes(),
    "shared dictionary": Learner.update_shared_dictionary,
    "target's own dictionary": lambda learned: learned.target.update_dictionary(OWN),
    "residual dictionary of the source": lambda learned: learned.source.update_dictionary(1),
    "residual dictionary of the target": lambda learned: learned.target.update_dictionary(2),
}


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES.keys())
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), before=st.integers(1, 2), linked=st.booleans())
def test_every_update_makes_the_objective_less_or_leaves_it(
    update: Callable[[Learner], None], seed: int, before: int, linked: bool
) -> None:
    learned = learner(seed)
    for domain in learned.domains:
        domain.initialise_codes()
    for _ in range(before):
        learned.step()
    if linked:
        learned.link_target()
    objective = learned.losses()["loss/objective"]
    update(learned)
    once = learned.losses()["loss/objective"]
    assert once <= objective * (1 + 1e-7)
    atoms = np.concatenate([part for domain in learned.domains for part in domain.dictionaries], axis=1)
    assert (np.linalg.norm(atoms, axis=0) <= 1 + 1e-12).all()
    update(learned)
    assert learned.losses()["loss/objective"] <= once * (1 + 1e-7)


def test_codes_are_those_of_the_stacked_problem_the_method_prints() -> None:
    """Ridge regression of x = [X; X; b(X - RC)] on P = [D 0; D U; bD bU], where there is no graph."""
    domain = learner().target
    domain.initialise_codes()
    domain.update_residual_codes()
    (d, u, r), x, c = domain.dictionaries, domain.images, domain.codes[2]
    p = np.block([[d, np.zeros_like(u)], [d, u], [B * d, B * u]])
    right = np.vstack([x, x, B * (x - r @ c)])
    domain.update_codes()
    expected = np.linalg.solve(p.T @ p + G * np.eye(8), p.T @ right)
    np.testing.assert_allclose(domain.stacked_codes, expected, atol=1e-10)


def test_the_first_codes_are_those_of_the_plain_dictionaries() -> None:
    learned = learner()
    (d, u, _), x = learned.target.dictionaries, learned.target.images
    learned.target.initialise_codes()
    both = np.hstack([d, u])
    expected = np.linalg.solve(both.T @ both + G * np.eye(8), both.T @ x)
    np.testing.assert_allclose(learned.target.stacked_codes, expected, atol=1e-10)


def test_residual_codes_by_hand() -> None:
    # One image (1, 1), D = (1, 0) with code 1 leaves (0, 1) to R = (0, 1): c = b^2 / (b^2 + g), b^2 = 0.64.
    d, r = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
    domain = Domain(np.array([[1.0], [1.0]]), no_links(1), [d, r], (1, 0.64), A, G)
    domain.replace_codes(0, np.array([[1.0]]))
    domain.update_residual_codes()
    assert domain.codes[1].item() == pytest.approx(0.64 / 0.74)


def test_two_dictionaries_meet_in_the_terms_from_the_later_one_on() -> None:
    expected = [[2.64, 1.64, 0.64], [1.64, 1.64, 0.64], [0.64, 0.64, 0.64]]
    np.testing.assert_allclose(joint_weights(np.array([1, 1, 0.64])), expected)


def test_single_precision_images_give_the_same_dictionaries() -> None:
    def shared(dtype: type) -> np.ndarray:
        learned = Learner(images(0, 20, 15).astype(dtype), PERSON, images(1, 20, 12).astype(dtype), CAMERA, SMALL)
        list(learned.train())
        return learned.source.dictionaries[SHARED]

    np.testing.assert_allclose(shared(np.float32), shared(np.float64), atol=1e-3)


def test_both_data_sets_have_one_shared_dictionary() -> None:
    learned = learner()
    list(learned.train())
    assert learned.source.dictionaries[SHARED] is learned.target.dictionaries[SHARED]


def test_the_seed_decides_everything() -> None:
    runs = [list(learner(settings=SMALL.model_copy(update={"seed": seed})).train()) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_the_target_is_matched_by_its_codes_after_every_round() -> None:
    learned = learner()
    links = []
    for step, _ in enumerate(learned.train()):
        if step % 6 == 0:
            links.append(learned.target.graph.links.nnz)
    assert links[0] == 0
    # 4 images of each of 3 cameras: 4 links for each two cameras, in both directions.
    assert links[1:] == [24, 24]


def test_one_person_gets_codes_more_alike_than_their_features() -> None:
    learned = learner()
    list(learned.train())
    same = (PERSON[:, None] == PERSON) & ~np.eye(15, dtype=bool)
    codes, features = (cosines(columns, columns) for columns in (learned.source.stacked_codes, learned.source.images))
    assert codes[same].mean() > features[same].mean() + 0.05


def test_ridge_codes_are_ridge_regression_without_the_residual() -> None:
    x, parts = images(0, 20, 6), [images(seed, 20, 3) for seed in (1, 2, 3)]
    joined = np.hstack(parts)
    expected = np.linalg.solve(joined.T @ joined + 0.2 * np.eye(9), joined.T @ x)[:6]
    np.testing.assert_allclose(ridge_codes(parts, x, 0.2), expected, atol=1e-12)


def test_graphs_that_can_be_told_by_hand_give_the_same_codes() -> None:
    """Two images of one person, each in a camera of its own: matched across cameras as identities would link them."""
    x, parts = np.repeat(images(0, 20, 1), 2, axis=1), [images(1, 20, 3), images(2, 20, 3)]
    graphs = IdentityGraph(np.zeros(2, dtype=np.int64)), matched_across_cameras(x, np.array([0, 1]), 0.05)
    domains = [Domain(x, graph, parts, (1, 0.64), A, G) for graph in graphs]
    for domain in domains:
        for _ in range(200):
            domain.update_codes()
    np.testing.assert_allclose(domains[0].stacked_codes, domains[1].stacked_codes, atol=1e-8)
