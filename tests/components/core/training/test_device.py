"""What is said of a GPU's memory."""

import pytest
import torch

from simpgan.components.core.errors import UserError
from simpgan.components.core.training.device import memory_explained


def test_a_gpu_without_memory_left_is_explained() -> None:
    explained = "train_gan: the GPU's memory is too small: lower pairs"
    with pytest.raises(UserError, match=explained), memory_explained("train_gan", "lower pairs"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
