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
    first, last = 3 * 4 * 49 * pixels, 4 * 21 * 7 * 32 * (32 + 6)  # the columns of the last one's weights are channels
    halving = 4 * 8 * 9 * pixels // 4 + 8 * 16 * 9 * pixels // 16
    doubling = 16 * 8 * 9 * pixels // 16 + 8 * 4 * 9 * pixels // 4
    block = 2 * 16 * 16 * 9 * pixels // 16
    of_two_images = 2 * (first + last + halving + block + doubling)
    assert count(forward.work)[0] == 2 * of_two_images
    assert count(backward.work)[0] == 2 * 2 * of_two_images  # to the images and to the weights


def test_recomputing_takes_less_memory() -> None:
    kept, recomputed = (
        gan_step(
            TrainGanSettings(method="cyclegan", height=64, width=32, channels=16, blocks=4, recompute=recompute)
        ).peak
        for recompute in (False, True)
    )
    assert recomputed < kept
