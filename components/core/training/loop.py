"""The loop around a training step: progress, metrics, checkpoints, and continuing after a kill.

Under torchrun all processes run this loop together; the first one tracks and saves for all.
"""

import math
import os
import time
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import GO_ON, noted_interrupts
from simpgan.components.core.process.progress import Progress
from simpgan.components.core.process.task import TASK
from simpgan.components.core.tracking import StageRun
from simpgan.components.core.training.checkpoint import Checkpoint
from simpgan.components.core.training.distributed import (
    from_first,
    is_first,
    largest_over_processes,
    mean_over_processes,
)

STEPS_BETWEEN_READS = 25  # reading a loss waits for the device, so it is done for many steps at once
SECONDS_BETWEEN_READS = 10.0
FULL = "set precision=fp32"


class Trainer(Protocol):
    """A training step and all state that it changes, as a stage passes it to `train`."""

    images_per_step: int

    @property
    def ended(self) -> bool:
        """Tell whether further steps are of no use, so that the training ends before its last step."""

    def step(self, step: int) -> Mapping[str, Tensor]:
        """Do step number `step` (from 0); all its randomness comes from `seed_step`.

        Returns:
            Scalars to record, on the device. Their means over the processes are recorded.
        """

    def state(self) -> Mapping[str, Any]:
        """Return everything that later steps depend on, as the first process has it."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""

    def show(self, done: int) -> None:
        """Record images if some are due after `done` steps; called in the first process, also before any step."""


def train(
    trainer: Trainer, *, name: str, steps: int, checkpoint: Checkpoint, every_seconds: float, run: StageRun
) -> None:
    """Do all steps from the last checkpoint on, or those until the trainer has ended.

    Ctrl-C and SIGTERM in any process end all processes after the current step, with a checkpoint.

    Args:
        trainer: does the steps.
        name: name of the training for messages.
        steps: number of steps in all.
        checkpoint: where the state is saved.
        every_seconds: seconds between checkpoints.
        run: where scalars are logged.

    Raises:
        UserError: a recorded value is not finite, and the checkpoint is the last one before that; or the processes of a
            joint training see different checkpoints.
        KeyboardInterrupt, Terminated: the training was asked to end.
    """
    saved = checkpoint.load()
    done = saved["steps"] if saved else 0
    if from_first(done) != done:
        raise UserError(f"{name}: its processes see different checkpoints: give a data root that all of them share")
    if saved:
        trainer.restore(saved["trainer"])
    run.resume(done - 1)
    if done == 0 and is_first():
        trainer.show(0)
    unread: list[tuple[int, Mapping[str, Tensor]]] = []
    last_saved = last_read = time.monotonic()
    with (
        noted_interrupts(interrupt_message(name)) as interrupt,
        Progress(name, steps, "step", done=done, shown=is_first()) as progress,
    ):
        for step in range(steps if trainer.ended else done, steps):
            unread.append((step, trainer.step(step)))
            progress.update()
            if is_first():
                trainer.show(step + 1)
            now = time.monotonic()
            read_due, save_due, interrupt.number = largest_over_processes(
                len(unread) == STEPS_BETWEEN_READS
                or now - last_read >= SECONDS_BETWEEN_READS
                or has_non_finite(unread[-1][1]),
                step + 1 == steps or trainer.ended or now - last_saved >= every_seconds,
                interrupt.number,
            )
            if not (read_due or save_due or interrupt.number):
                continue
            values = fetch_scalars(unread)
            now = time.monotonic()
            values[-1][1]["speed/images_per_second"] = len(unread) * trainer.images_per_step / (now - last_read)
            log_scalars(values, name, run)
            progress.losses(values[-1][1])
            last_read, unread = now, []
            if save_due or interrupt.number:
                if is_first():
                    run.flush()
                    checkpoint.save({"steps": step + 1, "trainer": trainer.state()})
                last_saved = time.monotonic()
            if interrupt.number or trainer.ended:
                return


def interrupt_message(name: str) -> str:
    """Return the message to write when a signal comes; empty if another process writes it."""
    if not is_first() or TASK in os.environ:
        return ""
    return f"{name}: ending after this step, with a checkpoint: {GO_ON}"


def has_non_finite(values: Mapping[str, Tensor]) -> bool:
    """Tell whether a value is known not to be finite; values on a GPU are unknown before they are read."""
    return any(value.device.type == "cpu" and not value.isfinite() for value in values.values())


def fetch_scalars(unread: list[tuple[int, Mapping[str, Tensor]]]) -> list[tuple[int, dict[str, float]]]:
    """Fetch the scalars of several steps, means over the processes, from the device in one transfer."""
    scalars = torch.stack([value for _, values in unread for value in values.values()])
    numbers = iter(mean_over_processes(scalars).tolist())
    return [(step, {name: next(numbers) for name in values}) for step, values in unread]


def log_scalars(values: list[tuple[int, dict[str, float]]], name: str, run: StageRun) -> None:
    """Log the scalars of several steps, if all are finite."""
    for step, scalars in values:
        others = "lower the learning rate" if step else "start from other weights, since nothing was learned before"
        refuse_not_finite(
            name, step, scalars, f"no update was made by it, and the last good checkpoint is kept: {FULL}, or {others}"
        )
        run.log_metrics(step, scalars)


def refuse_not_finite(name: str, step: int, values: Mapping[str, float], remedy: str) -> None:
    """Raise UserError with the remedy if one of the values of a step is not finite."""
    named = [f"'{each}' became {value}" for each, value in values.items() if not math.isfinite(value)]
    if named:
        raise UserError(f"{name}: {', '.join(named)} at step {step}; {remedy}")


class Updates:
    """Makes the updates of a training, and none by or after a loss or gradient that is not finite.

    This is decided on the device, so nothing waits for it, and all processes decide alike. The training ends when the
    loss is read.
    """

    def __init__(self) -> None:
        self.stopped = torch.zeros(())

    def make(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> Tensor:
        """Do one step of a fused optimiser down the gradient of `loss`. Return the gradient's norm."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = gradient_norm(optimizer)
        finite = torch.isfinite(norm + mean_over_processes(loss.detach()))
        self.stopped = torch.maximum(self.stopped.to(norm.device), 1 - finite.float())
        # A fused step leaves all as it is where this is 1; that is how torch's gradient scaler has it skipped.
        optimizer.found_inf = self.stopped  # type: ignore[attr-defined]
        optimizer.step()
        return norm


def gradient_norm(optimizer: torch.optim.Optimizer) -> Tensor:
    """Return the L2 norm over all gradients of the optimiser's parameters, a scalar on their device."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return torch.nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])


def restore_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Restore an optimiser's saved state with the memory layout of its parameters, on which fused steps rely."""
    optimizer.load_state_dict(dict(state))
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter).copy_(value)
