"""Joint training of several processes, as torchrun starts them.

Every process draws the joint batch with the same generator and computes its own share of it. DistributedDataParallel
averages the gradients, so losses that are means over the batch equal those of one process with the joint batch. Only
the first process tracks, saves checkpoints and writes the output. With one process every function here is the identity.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from simpgan.components.core.environment import whole_number
from simpgan.components.core.errors import UserError
from simpgan.components.core.training.device import choose_device

LONGEST_WAIT = timedelta(days=1)
"""Longest wait for another process. The first one clusters for all, and waits for another run of the same training."""


@contextmanager
def process_group() -> Iterator[None]:
    """Connect the processes that torchrun started in this block; without torchrun there is one process.

    Tensors on a GPU are sent by NCCL, those on the CPU by gloo.

    Raises:
        UserError: a variable that torchrun sets is missing, or holds no such number.
    """
    processes = whole_number("WORLD_SIZE", 1, least=1)
    if processes == 1:
        yield
        return
    for variable in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        if not os.environ.get(variable):
            raise UserError(
                f"WORLD_SIZE={processes}, but {variable} is not set: start it by torchrun, or unset WORLD_SIZE"
            )
    whole_number("RANK", 0, most=processes - 1)
    whole_number("MASTER_PORT", 0, least=1, most=65535)
    device = choose_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def process_count() -> int:
    """Return the number of processes that train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def process_rank() -> int:
    """Return the number of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Tell whether this is the process that tracks, saves and writes."""
    return process_rank() == 0


def own_share(size: int) -> slice:
    """Return this process's part of a joint batch of `size`.

    Raises:
        UserError: the batch cannot be divided equally.
    """
    share, rest = divmod(size, process_count())
    if rest or share == 0:
        raise UserError(
            f"a batch of {size} cannot be shared by {process_count()} processes: "
            f"choose a multiple of {process_count()}, or start fewer processes"
        )
    return slice(process_rank() * share, (process_rank() + 1) * share)


def parallel(losses: nn.Module) -> nn.Module:
    """Wrap a module whose forward returns losses, so that a backward pass averages the gradients over the processes.

    Its parameters must be on their device, and all parameters that are ever trained must already require gradients.
    """
    return DistributedDataParallel(losses, forward_sync_buffers=False) if process_count() > 1 else losses


def mean_over_processes(values: Tensor) -> Tensor:
    """Average element by element, on every process, without gradient and without waiting for the device.

    The training loop does this for the scalars that it records.
    """
    if process_count() == 1:
        return values
    summed = values.detach().clone()
    distributed.all_reduce(summed)
    return summed / process_count()


def gather(values: Tensor) -> Tensor:
    """Return the equally large tensors [N, ...] of all processes as [processes, N, ...], on every process."""
    if process_count() == 1:
        return values[None]
    shares = [torch.empty_like(values) for _ in range(process_count())]
    distributed.all_gather(shares, values.contiguous())
    return torch.stack(shares)


def largest_over_processes(*numbers: int) -> list[int]:
    """Return the maximum of each number over the processes, on every process, without waiting for the device."""
    if process_count() == 1:
        return list(numbers)
    told = torch.tensor(numbers)
    distributed.all_reduce(told, distributed.ReduceOp.MAX)
    return [int(number) for number in told]


def from_first(number: int) -> int:
    """Return the first process's `number`, on every process, without waiting for the device."""
    if process_count() == 1:
        return number
    told = torch.tensor(number)
    distributed.broadcast(told, 0)
    return int(told)


def tensor_from_first(values: Tensor) -> Tensor:
    """Return the first process's `values`, on every process; each gives one of the same shape and kind of device."""
    if process_count() > 1:
        values = values.clone()
        distributed.broadcast(values, 0)
    return values
