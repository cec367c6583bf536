"""What the roofline counts, against counts by hand; what the memory estimate must say."""

from itertools import islice

import torch

from simpgan.components.train_gan.settings import TrainGanSettings
from tests.benchmarks.fake_steps import gan_step
from tests.benchmarks.roofline import count, parts


def test_operations_of_a_generator() -> None:
    settings = TrainGanSettings(height=32, width=32, channels=4, blocks=1, pairs=1)
    forward, backward = islice(parts(settings, torch.device("cpu")), 2)
    pixels = 32 * 32
    halving = 4 * 8 * 9 * pixels // 4 + 8 * 16 * 9 * pixels // 16
    doubling = 16 * 8 * 9 * pixels // 16 + 8 * 4 * 9 * pixels // 4
    block = 2 * 16 * 16 * 9 * pixels // 16
    inner = halving + block + doubling
    to_images, of_images, padded = 3 * 4 * 8 * 8, 3 * 4 * 7 * 7, (32 + 6) ** 2  # products for each pixel
    assert count(forward.work)[0] == 2 * 2 * ((of_images + to_images) * pixels + inner)
    first = to_images * padded + of_images * pixels  # to the images and to the weights
    last = 2 * of_images * padded
    assert count(backward.work)[0] == 2 * 2 * (first + last + 2 * inner)


def test_recomputing_takes_less_memory() -> None:
    kept, recomputed = (
        gan_step(
            TrainGanSettings(method="cyclegan", height=64, width=32, channels=16, blocks=4, recompute=recompute)
        ).peak
        for recompute in (False, True)
    )
    assert recomputed < kept
