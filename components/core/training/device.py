"""Device, memory, precision and randomness of the stages that run networks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch

from simpgan.components.core.environment import whole_number
from simpgan.components.core.errors import UserError


def choose_device() -> torch.device:
    """Return the GPU of this process (torchrun numbers the processes of a machine), or the CPU.

    Raises:
        UserError: LOCAL_RANK names no GPU of this machine.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    last = torch.cuda.device_count() - 1
    return torch.device("cuda", whole_number("LOCAL_RANK", torch.cuda.current_device(), most=last))


@contextmanager
def memory_explained(name: str, remedy: str) -> Iterator[None]:
    """Convert CUDA out-of-memory errors in this block into a UserError that suggests `remedy`.

    Args:
        name: what was computed.
        remedy: settings that need less memory.

    Raises:
        UserError: the GPU ran out of memory.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise UserError(f"{name}: the GPU's memory is too small: {remedy}") from None


@contextmanager
def threads_of_torch(count: int) -> Iterator[None]:
    """Let torch compute with `count` threads what this thread computes in this block.

    torch gives the number that was set last to every thread that has none of its own yet.
    """
    before = torch.get_num_threads()  # from now on this thread has its own
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def autocast(device: torch.device, precision: Literal["fp32", "bf16"]) -> torch.autocast:
    """Return the context for mixed precision, or for float32 throughout."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def supported_precision(device: torch.device, wanted: str) -> Literal["fp32", "bf16"]:
    """Return 'bf16' if wanted, or if wanted is 'auto' and `device` multiplies it faster than float32; else 'fp32'."""
    return "bf16" if wanted == "bf16" or (wanted == "auto" and multiplies_bf16(device)) else "fp32"


def multiplies_bf16(device: torch.device) -> bool:
    """Tell whether `device` has instructions for bfloat16 products."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or has_amx()


def has_amx() -> bool:
    """Tell whether this processor has AMX, matrix units that multiply bfloat16."""
    return torch.cpu._is_amx_tile_supported()


def seed_step(seed: int, step: int) -> torch.Generator:
    """Make all randomness of a training step a function of `seed` and `step` alone.

    A training that continues after a crash then draws what the undisturbed one would have drawn, without a saved random
    state. Seeds torch's global generators (dropout).

    Returns:
        A generator on the CPU for sampling.
    """
    mixed = int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> 1)
    torch.manual_seed(mixed)
    return torch.Generator().manual_seed(mixed + 1)
