"""The label-free measures of a translation, and the score that chooses by them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch import Tensor, nn

from simpgan.components.core.data.image_tensors import to_unit_range
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.unlabelled_score import (
    NEIGHBOURS,
    SAMPLE,
    TranslatorJudge,
    common_neighbours,
    frechet_distance,
    mean_entropy,
    selection_score,
)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def photographs(count: int, seed: int) -> Tensor:
    """Smooth random uint8 images [count, 3, 32, 32]."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return (255 * nn.functional.interpolate(coarse, (32, 32), mode="bilinear")).to(torch.uint8)


class Scaled(nn.Module):
    """Images in [-1, 1], brighter or darker by a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: Tensor) -> Tensor:
        return (images + 1) * self.factor - 1


class OtherPeople(nn.Module):
    """Photographs like those of the source, whatever it is given."""

    def forward(self, images: Tensor) -> Tensor:
        return to_unit_range(photographs(len(images), round(images.sum().item())))


class Constant(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.zeros_like(images)


@pytest.fixture(scope="module")
def classifier() -> SiameseClassifier:
    torch.manual_seed(0)
    classifier = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=5, height=32, width=32))
    nn.init.normal_(classifier.identity_head.weight)
    return classifier.freeze()


@pytest.fixture(scope="module")
def source() -> Tensor:
    return photographs(40, 0)


@pytest.fixture(scope="module")
def dark_target() -> Tensor:
    return (photographs(40, 1).float() / 2).to(torch.uint8)


@pytest.fixture(scope="module")
def judge(classifier: SiameseClassifier, source: Tensor, dark_target: Tensor) -> TranslatorJudge:
    return TranslatorJudge(classifier, source, dark_target, seed=0, precision="fp32")


def test_distance_of_equal_sets_is_zero() -> None:
    features = drawn(20, 8)
    assert frechet_distance(features, features.flip(0)) == pytest.approx(0, abs=1e-9)


def test_distance_of_gaussians_in_one_dimension() -> None:
    """(m1 - m2)^2 + (s1 - s2)^2, of means 2 and 7 and standard deviations 1 and 3."""
    assert frechet_distance(torch.tensor([[1.0], [2], [3]]), torch.tensor([[4.0], [7], [10]])) == pytest.approx(29)


@given(shift=st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3))
def test_distance_of_a_shifted_set_is_the_squared_shift(shift: list[float]) -> None:
    features = drawn(10, 3)
    expected = float(np.square(shift).sum())
    assert frechet_distance(features, features + torch.tensor(shift)) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("images", "size"), [(50, 6), (12, 30)], ids=["more images", "more dimensions"])
def test_distance_is_that_of_the_covariances_square_root(images: int, size: int) -> None:
    first, second = drawn(images, size), 2 * drawn(images + 3, size, seed=1) @ drawn(size, size, seed=2) + 1
    covariances = [np.cov(features.double().numpy(), rowvar=False) for features in (first, second)]
    # sqrtm fails for singular matrices; these eigenvalues tend to those of the true ones.
    one, other = (covariance + 1e-9 * np.eye(size) for covariance in covariances)
    root = sqrtm(one)
    means = (first.double().mean(0) - second.double().mean(0)).square().sum().item()
    expected = means + np.trace(one + other - 2 * sqrtm(root @ other @ root)).real
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-4)


def test_common_neighbours_are_counted() -> None:
    """Directions at 0, 10, 30 and 60 degrees: 0 and 10 are each other's nearest, then 30's is 10, 60's is 30.

    With the second at 50 degrees, the first's nearest is at 30, that of 30 and of 60 is at 50, that of 50 at 60.
    """
    before, after = (
        torch.tensor([[np.cos(np.radians(angle)), np.sin(np.radians(angle))] for angle in angles])
        for angles in ((0, 10, 30, 60), (0, 50, 30, 60))
    )
    assert common_neighbours(before, before, 1) == 1
    assert common_neighbours(before, after, 1) == 1 / 4
    assert common_neighbours(before, after, 3) == common_neighbours(before, after, 10) == 1
    assert common_neighbours(before, after, 3) == 1


@given(seed=st.integers(0, 1000), count=st.integers(1, 6))
def test_common_neighbours_by_brute_force(seed: int, count: int) -> None:
    before, after = drawn(9, 4, seed=seed), drawn(9, 4, seed=seed + 1)
    shared = 0
    for image in range(9):
        nearest = []
        for features in (before, after):
            others = [other for other in range(9) if other != image]
            others.sort(key=lambda other: -torch.cosine_similarity(features[image], features[other], dim=0).item())
            nearest.append(set(others[:count]))
        shared += len(nearest[0] & nearest[1])
    assert common_neighbours(before, after, count) == pytest.approx(shared / (9 * count))


def test_entropy_is_the_mean_of_the_images() -> None:
    """ln 2 for two equal shares, 0 for certainty."""
    logits = torch.tensor([[3.0, 3.0, -1e9], [0.0, -1e9, -1e9]])
    assert mean_entropy(logits) == pytest.approx(np.log(2) / 2)


def test_nothing_changes_without_translation(judge: TranslatorJudge) -> None:
    measures = judge.measure(nn.Identity(), nn.Identity())
    assert measures["frechet"] == pytest.approx(1)
    assert measures["neighbours"] == 1
    assert measures["cycle_source"] == measures["cycle_target"] == 0


def test_undoing_the_difference_of_the_cameras_is_seen(judge: TranslatorJudge) -> None:
    translated, recorded, wrong = (judge.measure(Scaled(factor), Scaled(1 / factor)) for factor in (2.0, 1.0, 0.5))
    assert translated["frechet"] < recorded["frechet"] < wrong["frechet"]
    assert selection_score(translated) < selection_score(recorded) < selection_score(wrong)


def test_other_people_in_the_source_s_style_are_not_a_translation(judge: TranslatorJudge) -> None:
    """The distance alone would prefer them to a translation that goes only part of the way."""
    exchanged, partial = (judge.measure(f, nn.Identity()) for f in (OtherPeople(), Scaled(1.5)))
    assert exchanged["frechet"] < partial["frechet"]
    assert selection_score(exchanged) > selection_score(partial)


@given(frechet=st.floats(0.01, 10), neighbours=st.floats(0.01, 0.9), factor=st.floats(1.01, 1.1))
def test_the_score_falls_with_distance_and_with_kept_neighbours(
    frechet: float, neighbours: float, factor: float
) -> None:
    reference = selection_score({"frechet": frechet, "neighbours": neighbours})
    assert selection_score({"frechet": frechet * factor, "neighbours": neighbours}) > reference
    assert selection_score({"frechet": frechet, "neighbours": neighbours * factor}) < reference
    assert np.isfinite(selection_score({"frechet": frechet, "neighbours": 0}))


def test_a_lossy_cycle_is_seen_on_the_side_that_loses(judge: TranslatorJudge) -> None:
    """F makes images twice as bright, G returns them as they are: all of a mean brightness of -1 + m is lost."""
    measures = judge.measure(Scaled(2), nn.Identity())
    assert measures["cycle_target"] == pytest.approx((judge.target + 1).mean().item(), rel=1e-5)
    assert measures["cycle_source"] == pytest.approx((judge.source + 1).mean().item(), rel=1e-5)
    collapsed = judge.measure(Constant(), nn.Identity())
    assert collapsed["cycle_target"] == pytest.approx(judge.target.abs().mean().item(), rel=1e-5)


def test_a_translation_that_makes_all_images_one_is_worse_than_none(judge: TranslatorJudge) -> None:
    assert selection_score(judge.measure(Constant(), nn.Identity())) > selection_score(
        judge.measure(nn.Identity(), nn.Identity())
    )


def test_measures_repeat_and_leave_the_training_s_randomness_alone(
    classifier: SiameseClassifier, source: Tensor, dark_target: Tensor
) -> None:
    before = torch.random.get_rng_state()
    first, again = (
        TranslatorJudge(classifier, source, dark_target, seed=3, precision="fp32").measure(Scaled(2), nn.Identity())
        for _ in range(2)
    )
    assert first == again
    assert torch.equal(before, torch.random.get_rng_state())


def test_half_precision_changes_little(
    judge: TranslatorJudge, classifier: SiameseClassifier, source: Tensor, dark_target: Tensor
) -> None:
    exact = judge.measure(Scaled(2), Scaled(0.5))
    rounded = TranslatorJudge(classifier, source, dark_target, seed=0, precision="bf16").measure(Scaled(2), Scaled(0.5))
    assert rounded["frechet"] == pytest.approx(exact["frechet"], rel=0.1)
    assert rounded["entropy"] == pytest.approx(exact["entropy"], rel=0.1)


def test_no_more_than_a_sample_is_looked_at(classifier: SiameseClassifier) -> None:
    many = photographs(SAMPLE + 5, 0)
    judge = TranslatorJudge(classifier, many, many[:3], seed=0, precision="fp32")
    assert len(judge.source) == SAMPLE
    assert len(judge.target) == 3 < NEIGHBOURS
    assert 0 <= judge.measure(Scaled(0.5), nn.Identity())["neighbours"] <= 1


def test_a_single_image_has_no_distribution(classifier: SiameseClassifier, source: Tensor) -> None:
    with pytest.raises(UserError, match="1 training image of the target: label-free checks need two; give more images"):
        TranslatorJudge(classifier, source, source[:1], seed=0, precision="fp32")


def test_a_target_that_is_the_source_can_be_measured(classifier: SiameseClassifier, source: Tensor) -> None:
    judge = TranslatorJudge(classifier, source, source, seed=0, precision="fp32")
    assert np.isfinite(list(judge.measure(Scaled(0.5), nn.Identity()).values())).all()
