"""Device, memory, precision and randomness of the stages that run networks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch

from simpgan.components.core.environment import whole_number
from simpgan.components.core.errors import UserError


def choose_device() -> torch.device:
    """The GPU of this process (torchrun numbers the processes of a machine), or the CPU.

    Raises:
        UserError: LOCAL_RANK names no GPU of this machine.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    last = torch.cuda.device_count() - 1
    return torch.device("cuda", whole_number("LOCAL_RANK", torch.cuda.current_device(), most=last))


@contextmanager
def memory_explained(name: str, remedy: str) -> Iterator[None]:
    """Within the block a GPU that runs out of memory is the user's to put right: `remedy` says by which settings.

    Raises:
        UserError: it ran out.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise UserError(f"{name}: the GPU's memory is too small: {remedy}") from None


def autocast(device: torch.device, precision: Literal["fp32", "bf16"]) -> torch.autocast:
    """Mixed precision, or float32 throughout."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def supported_precision(device: torch.device, wanted: str) -> Literal["fp32", "bf16"]:
    """'bf16' if that is wanted, or wanted is 'auto' and `device` multiplies it faster than float32; else 'fp32'."""
    return "bf16" if wanted == "bf16" or (wanted == "auto" and multiplies_bf16(device)) else "fp32"


def multiplies_bf16(device: torch.device) -> bool:
    """Whether `device` has instructions for bfloat16 products."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or has_amx()


def has_amx() -> bool:
    """Whether this processor has AMX, matrix units that multiply bfloat16."""
    return torch.cpu._is_amx_tile_supported()


def seed_step(seed: int, step: int) -> torch.Generator:
    """Make all randomness of a training step a function of `seed` and `step` alone.

    So a training that goes on after a crash draws what the undisturbed one would have drawn, with no random state
    to save. Seeds torch's global generators (dropout) and returns one on the CPU for sampling.
    """
    mixed = int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> 1)
    torch.manual_seed(mixed)
    return torch.Generator().manual_seed(mixed + 1)
