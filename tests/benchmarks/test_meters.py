"""Bytes counted by hand, and the same with fakes as with tensors that have content."""

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.benchmarks.meters import MemoryMeter, as_fakes


def test_bytes_of_a_product_and_a_sum() -> None:
    left, right = torch.ones(4, 8), torch.ones(8, 16)
    with MemoryMeter() as memory:
        product = left @ right  # reads 32 + 128 numbers, writes 64
        total = product.sum()  # reads 64, writes 1
        assert memory.live == 4 * (64 + 1)
        del product
        assert memory.live == 4
        del total
    assert memory.moved == 4 * (32 + 128 + 64 + 64 + 1)
    assert (memory.live, memory.peak) == (0, 4 * (64 + 1))


def test_a_view_takes_and_moves_nothing() -> None:
    images = torch.ones(4, 8)
    with MemoryMeter() as memory:
        memory.hold(images)
        images.view(8, 4).transpose(0, 1)
    assert (memory.moved, memory.peak) == (0, images.nbytes)


def test_fakes_take_as_much_as_tensors_with_content() -> None:
    def peak(fakes: FakeTensorMode | None) -> int:
        network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.InstanceNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3))
        images = torch.zeros(2, 3, 16, 8)
        if fakes:
            as_fakes(network, fakes)
            images = fakes.from_tensor(images)
        with MemoryMeter() as memory:
            network(images).square().mean().backward()
        return memory.peak

    assert peak(FakeTensorMode()) == peak(None)
