"""The loop around a training step: progress, metrics, checkpoints, and going on after a kill.

Under torchrun all processes do this loop together; the first one tracks and saves for all.
"""

import math
import time
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from components.core.runtime.checkpoint import Checkpoint
from components.core.runtime.distributed import from_first, is_first, mean_over_processes
from components.core.runtime.errors import UserError
from components.core.runtime.tracking import StageRun

STEPS_BETWEEN_READS = 25  # reading a loss waits for the device, so it is done for many steps at once


class Trainer(Protocol):
    """What a stage gives to `train`: one step, and all that changes by it."""

    images_per_step: int

    def step(self, step: int) -> Mapping[str, Tensor]:
        """Do step number `step` (from 0); all its randomness comes from `seed_step`.

        Returns:
            scalars to record, on the device; of several processes their mean is recorded.
        """

    def state(self) -> Mapping[str, Any]:
        """Everything that later steps depend on, as the first process has it."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""

    def show(self, step: int) -> None:
        """Record pictures, where this step is one to be shown; called in the first process."""


def train(
    trainer: Trainer, *, name: str, steps: int, checkpoint: Checkpoint, every_seconds: float, run: StageRun
) -> None:
    """Do all steps from the last checkpoint on.

    Raises:
        UserError: a recorded value is not finite; the checkpoint is the last one before that. Or the processes of a
            joint training see different checkpoints.
    """
    saved = checkpoint.load()
    done = saved["steps"] if saved else 0
    if from_first(done) != done:
        raise UserError(f"{name}: its processes see different checkpoints: give a data root that all of them share")
    if saved:
        trainer.restore(saved["trainer"])
    run.resume(done - 1)
    unread: list[tuple[int, Mapping[str, Tensor]]] = []
    last_saved = last_read = time.monotonic()
    with tqdm(total=steps, initial=done, desc=name, unit="step", disable=None if is_first() else True) as bar:
        for step in range(done, steps):
            unread.append((step, trainer.step(step)))
            if is_first():
                trainer.show(step)
            bar.update()
            finished = step + 1 == steps
            due = bool(from_first(time.monotonic() - last_saved >= every_seconds))
            if not (finished or due or len(unread) == STEPS_BETWEEN_READS):
                continue
            values = read(unread)
            now = time.monotonic()
            values[-1][1]["speed/images_per_second"] = len(unread) * trainer.images_per_step / (now - last_read)
            record(values, name, run)
            last_read, unread = now, []
            if finished or due:
                if is_first():
                    run.flush()
                    checkpoint.save({"steps": step + 1, "trainer": trainer.state()})
                last_saved = time.monotonic()


def read(unread: list[tuple[int, Mapping[str, Tensor]]]) -> list[tuple[int, dict[str, float]]]:
    """The scalars of several steps, means over the processes, fetched from the device in one transfer."""
    scalars = torch.stack([value for _, values in unread for value in values.values()])
    numbers = iter(mean_over_processes(scalars).tolist())
    return [(step, {name: next(numbers) for name in values}) for step, values in unread]


def record(values: list[tuple[int, dict[str, float]]], name: str, run: StageRun) -> None:
    """Hand the scalars of several steps to the tracker, if all are finite."""
    for step, scalars in values:
        broken = [f"'{scalar}' became {value}" for scalar, value in scalars.items() if not math.isfinite(value)]
        if broken:
            raise UserError(
                f"{name}: {', '.join(broken)} at step {step}; the last good checkpoint is kept: "
                "lower the learning rate, or set precision=fp32"
            )
        run.metrics(step, scalars)


def gradient_norm(optimizer: torch.optim.Optimizer) -> Tensor:
    """L2 norm over all gradients with which the optimiser will change its parameters; a scalar on their device."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return torch.nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])


def restore_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Give an optimiser its saved state, laid out in memory as its parameters are: fused steps rely on that."""
    optimizer.load_state_dict(dict(state))
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter).copy_(value)
