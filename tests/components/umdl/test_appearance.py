"""The hand-made feature: its size, what it does not depend on, and parts that can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import rescale

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.umdl.appearance import (
    appearance,
    colours,
    extract,
    gradients,
    joint_bins,
    middle_weights,
    patterns,
    stripe_histograms,
)
from tests.conftest import Ingested

RNG = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def plain(*colour: int) -> np.ndarray:
    return np.broadcast_to(np.array(colour, dtype=np.uint8), (1, 128, 64, 3))


def people(count: int) -> np.ndarray:
    """Smooth pictures: noise of 8x4 pixels, enlarged."""
    small = RNG.random((count, 8, 4, 3))
    return np.stack([(rescale(image, 16, order=1, channel_axis=2) * 255).astype(np.uint8) for image in small])


def test_the_parts_have_the_sizes_of_the_method() -> None:
    images = noise(2, 128, 64, 3)
    assert colours(images).shape == (2, 2880)
    assert gradients(images).shape == (2, 1040)
    assert patterns(images).shape == (2, 1218)
    assert appearance(images).shape == (2, 5138)


def test_features_have_length_one_and_no_negative_number() -> None:
    images = np.concatenate([noise(3, 128, 64, 3), people(2), plain(0, 0, 0), plain(255, 255, 255)])
    features = appearance(images)
    assert features.dtype == np.float32
    assert features.min() >= 0
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)


def test_a_feature_does_not_depend_on_the_other_images() -> None:
    images = people(3)
    np.testing.assert_allclose(appearance(images)[1:2], appearance(images[1:2]), atol=1e-7)


def test_joint_bins_by_hand() -> None:
    # 0.3 of 4 is bin 1, 0.99 bin 3, 1.0 bin 3 as well: 1 + 4 * 3 + 16 * 3.
    assert joint_bins(np.array([0.3, 0.99, 1.0]), 4) == 61
    assert joint_bins(np.array([0.0, 0.5]), 8) == 32


def test_every_stripe_of_a_plain_image_has_one_bin_a_colour_space() -> None:
    # Pure red: RGB bins 3, 0, 0; hue 0 and full saturation; Lab 53, 80, 67 are bins 2, 3, 3.
    histograms = colours(plain(255, 0, 0)).reshape(15, 3, 64)
    for space, expected in enumerate([3, 7 * 8, 2 + 4 * 3 + 16 * 3]):
        np.testing.assert_allclose(histograms[:, space], np.broadcast_to(np.eye(64)[expected], (15, 64)))


def test_stripes_overlap_by_half() -> None:
    """Rows 60 to 63 belong to half-stripe 7 (of 8 rows each), so to stripes 6 and 7."""
    bins = np.zeros((1, 128, 64), dtype=np.int64)
    bins[:, 60:64] = 1
    histograms = stripe_histograms(bins, 2)[0]
    assert np.flatnonzero(histograms[:, 1]).tolist() == [6, 7]
    # 4 of a stripe's 16 rows: 4 to 12, brought to length 1.
    np.testing.assert_allclose(histograms[6], np.array([12, 4]) / np.hypot(12, 4))


def test_the_middle_counts_most() -> None:
    weights = middle_weights()
    np.testing.assert_allclose(weights, weights[::-1])
    assert weights.argmax() in (31, 32)
    # Two deviations of 16 pixels from the middle, at 31.5.
    assert weights[0] == pytest.approx(np.exp(-0.5 * (31.5 / 16) ** 2))


def test_colours_are_those_of_the_mirror_image() -> None:
    images = people(3)
    np.testing.assert_allclose(colours(images), colours(images[:, :, ::-1]), atol=1e-12)


def test_colours_do_not_depend_on_the_order_of_the_rows_of_a_half_stripe() -> None:
    images = people(1)
    shuffled = images.copy()
    shuffled[:, 8:16] = images[:, 15:7:-1]
    np.testing.assert_allclose(colours(shuffled), colours(images), atol=1e-12)


@settings(max_examples=3, deadline=None)
@given(st.integers(1, 60))
def test_gradients_and_patterns_do_not_see_light_that_is_added(light: int) -> None:
    grey = np.repeat(np.random.default_rng(light).integers(0, 190, (1, 128, 64, 1), dtype=np.uint8), 3, axis=3)
    # Directions between two bins, and neighbours as bright as the pixel, may go either way by rounding.
    assert np.abs(gradients(grey + np.uint8(light)) - gradients(grey)).mean() < 1e-3
    assert np.abs(patterns(grey + np.uint8(light)) - patterns(grey)).mean() < 1e-3


def test_gradients_and_patterns_do_not_see_the_border() -> None:
    images = people(2)
    framed = images.copy()
    framed[:, :6] = framed[:, -6:] = 0
    framed[:, :, :6] = framed[:, :, -6:] = 0
    np.testing.assert_allclose(gradients(framed), gradients(images), atol=1e-12)
    np.testing.assert_allclose(patterns(framed), patterns(images), atol=1e-12)


def test_an_edge_has_its_direction_in_the_blocks_it_crosses() -> None:
    """Black above white: the gradient points down, which of 4 bins of 45 degrees is the one from 90 to 135."""
    image = np.zeros((1, 128, 64, 3), dtype=np.uint8)
    image[:, 64:] = 255
    blocks = gradients(image).reshape(13, 5, 4, 4)
    assert np.flatnonzero(blocks.sum(axis=(1, 2, 3))).tolist() == [5, 6, 7]  # cells 6 and 7 touch the edge
    assert np.flatnonzero(blocks.sum(axis=(0, 1, 2))).tolist() == [2]


def test_a_plain_image_has_one_pattern() -> None:
    """Every neighbour is as bright as the pixel itself: all eight bits are set, which is a uniform pattern."""
    histograms = patterns(plain(90, 90, 90)).reshape(21, 58)
    assert (np.count_nonzero(histograms, axis=1) == 1).all()
    np.testing.assert_allclose(histograms.sum(axis=1), 1)


def test_extracted_features_are_those_of_the_rows_in_their_order(ingested: Ingested) -> None:
    manifest = Manifest.load(ingested.target)
    rows = np.array([7, 2, 11])
    features = extract(ingested.data_root, manifest, rows)
    assert features.shape == (3, 5138)
    np.testing.assert_array_equal(extract(ingested.data_root, manifest, rows[1:]), features[1:])
