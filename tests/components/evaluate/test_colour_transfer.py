"""Colours matched to the source's, against numpy."""

import numpy as np
import torch

from simpgan.components.evaluate.colour_transfer import ChannelStatistics, transfer_colours


def images(seed: int, count: int = 4, low: int = 60, high: int = 180) -> torch.Tensor:
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.integers(low, high, (count, 3, 6, 5), dtype=np.uint8))


def back_to_bytes(values: torch.Tensor) -> np.ndarray:
    return (values.numpy().astype(np.float64) + 1) * 127.5


def test_statistics_of_all_images_are_those_of_all_their_pixels() -> None:
    ours = ChannelStatistics.of_all([images(0), images(1, count=2)])
    pixels = np.concatenate([images(0).numpy(), images(1, count=2).numpy()]).astype(np.float64)
    np.testing.assert_allclose(ours.mean, pixels.mean((0, 2, 3)))
    np.testing.assert_allclose(ours.deviation, pixels.std((0, 2, 3)))


def test_a_matched_set_has_the_wanted_statistics() -> None:
    target = images(0, count=50)
    wanted = ChannelStatistics(torch.tensor([90.0, 120.0, 150.0]), torch.tensor([10.0, 20.0, 25.0]))
    moved = back_to_bytes(transfer_colours(target, wanted=wanted, own=ChannelStatistics.of_all([target])))
    np.testing.assert_allclose(moved.mean((0, 2, 3)), wanted.mean, rtol=1e-5)
    np.testing.assert_allclose(moved.std((0, 2, 3)), wanted.deviation, rtol=1e-5)


def test_over_the_set_images_keep_their_differences_and_per_image_they_lose_them() -> None:
    dark, light = images(0, count=1, low=20, high=60), images(1, count=1, low=160, high=200)
    target = torch.cat([dark, light])
    wanted = ChannelStatistics(torch.full((3,), 128.0), torch.full((3,), 20.0))
    over_the_set = back_to_bytes(transfer_colours(target, wanted=wanted, own=ChannelStatistics.of_all([target])))
    assert over_the_set[0].mean() < 120
    assert over_the_set[1].mean() > 136
    per_image = back_to_bytes(transfer_colours(target, wanted=wanted))
    np.testing.assert_allclose(per_image.mean((2, 3)), 128, rtol=1e-5)
    np.testing.assert_allclose(per_image.std((2, 3)), 20, rtol=1e-5)


def test_values_are_clipped_as_an_image_would() -> None:
    wanted = ChannelStatistics(torch.full((3,), 250.0), torch.full((3,), 60.0))
    moved = transfer_colours(images(0), wanted=wanted)
    reference = images(0).numpy().astype(np.float64)
    reference = (reference - reference.mean((2, 3), keepdims=True)) / reference.std((2, 3), keepdims=True)
    np.testing.assert_allclose(back_to_bytes(moved), (reference * 60 + 250).clip(0, 255), atol=1e-3)


def test_an_image_of_one_colour_takes_the_wanted_mean() -> None:
    wanted = ChannelStatistics(torch.tensor([10.0, 20.0, 30.0]), torch.full((3,), 60.0))
    moved = transfer_colours(torch.full((1, 3, 4, 4), 77, dtype=torch.uint8), wanted=wanted)
    np.testing.assert_allclose(back_to_bytes(moved)[0, :, 0, 0], [10, 20, 30], atol=1e-4)


def test_an_image_that_has_the_wanted_statistics_stays() -> None:
    target = images(3)
    own = ChannelStatistics.of_all([target])
    np.testing.assert_allclose(back_to_bytes(transfer_colours(target, wanted=own, own=own)), target.numpy(), atol=1e-3)
