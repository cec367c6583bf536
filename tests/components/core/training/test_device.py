"""Messages about a GPU's memory, and the number of threads that compute."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from simpgan.components.core.errors import UserError
from simpgan.components.core.training.device import memory_explained, threads_of_torch


def test_a_gpu_without_memory_left_is_explained() -> None:
    explained = "train_gan: the GPU's memory is too small: lower pairs"
    with pytest.raises(UserError, match=explained), memory_explained("train_gan", "lower pairs"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_threads_of_torch_are_those_of_the_thread_and_of_the_block() -> None:
    before = torch.get_num_threads()

    def in_block() -> tuple[int, int]:
        with threads_of_torch(before + 2):
            inside = torch.get_num_threads()
        return inside, torch.get_num_threads()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(in_block).result() == (before + 2, before)
    assert torch.get_num_threads() == before
