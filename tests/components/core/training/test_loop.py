"""The loop around a training step."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import GO_ON, Terminated
from simpgan.components.core.tracking import read_history, stage_run
from simpgan.components.core.training.checkpoint import Checkpoint
from simpgan.components.core.training.loop import Updates, log_scalars, train


class Sum:
    """Adds up the numbers of its steps, and may fail at one of them."""

    images_per_step = 2
    ended = False

    def __init__(self, breaks_at: int = -1, nan_at: int = -1) -> None:
        self.total = torch.zeros(())
        self.breaks_at, self.nan_at = breaks_at, nan_at
        self.done: list[int] = []

    def step(self, step: int) -> Mapping[str, Tensor]:
        if step == self.breaks_at:
            raise KeyboardInterrupt
        self.done.append(step)
        self.total = self.total + step
        return {"loss/sum": self.total if step != self.nan_at else torch.tensor(float("nan"))}

    def state(self) -> Mapping[str, Any]:
        return {"total": self.total}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.total = state["total"]

    def show(self, done: int) -> None:
        pass


def run(trainer: Sum, folder: Path, every_seconds: float = 0, steps: int = 40) -> list[dict[str, Any]]:
    checkpoint = Checkpoint(str(folder), "sum")
    with stage_run("sum", settings={}, history=checkpoint.history) as tracked:
        train(trainer, name="sum", steps=steps, checkpoint=checkpoint, every_seconds=every_seconds, run=tracked)
    return [{"step": entry.step, "value": entry.values["loss/sum"]} for entry in read_history(checkpoint.history)]


def test_every_step_is_done_and_recorded_once(tmp_path: Path) -> None:
    trainer = Sum()
    recorded = run(trainer, tmp_path, every_seconds=100)
    assert trainer.done == list(range(40))
    assert recorded == [{"step": step, "value": step * (step + 1) / 2} for step in range(40)]


@pytest.mark.parametrize("every_seconds", [0, 100])
def test_an_interrupted_training_goes_on_from_its_checkpoint(tmp_path: Path, every_seconds: float) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Sum(breaks_at=30), tmp_path, every_seconds)
    resumed = Sum()
    recorded = run(resumed, tmp_path, every_seconds)
    assert resumed.done == list(range(30 if every_seconds == 0 else 0, 40))
    assert recorded == [{"step": step, "value": step * (step + 1) / 2} for step in range(40)]


class Interrupted(Sum):
    """Is sent signals in the middle of its step 30."""

    def __init__(self, *signals: signal.Signals) -> None:
        super().__init__()
        self.signals = signals

    def step(self, step: int) -> Mapping[str, Tensor]:
        if step == 30:
            for number in self.signals:
                os.kill(os.getpid(), number)
        return super().step(step)


ENDS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """SIGINT raises as in a terminal, also where the tests run in a shell's background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_ends_after_the_step_with_a_checkpoint_and_a_word(
    tmp_path: Path, number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ENDS[number]):
        run(Interrupted(number), tmp_path, every_seconds=100)
    assert capfd.readouterr().err == f"sum: ending after this step, with a checkpoint: {GO_ON}\n"
    resumed = Sum()
    recorded = run(resumed, tmp_path, every_seconds=100)
    assert resumed.done == list(range(31, 40))
    assert recorded == [{"step": step, "value": step * (step + 1) / 2} for step in range(40)]


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    interrupted = Interrupted(signal.SIGTERM, signal.SIGTERM, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(interrupted, tmp_path, every_seconds=100)
    assert interrupted.done[-1] == 29
    assert Checkpoint(str(tmp_path), "sum").load() is None


def test_what_signals_did_before_they_do_afterwards(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in ENDS]
    run(Sum(), tmp_path)
    assert [signal.getsignal(number) for number in ENDS] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first = run(Sum(), tmp_path)
    again = Sum()
    assert run(again, tmp_path) == first
    assert again.done == []
    assert again.total == 780


def test_a_loss_that_is_no_number_stops_at_the_last_good_checkpoint(tmp_path: Path) -> None:
    trainer = Sum(nan_at=30)
    with pytest.raises(UserError, match=r"'loss/sum' became nan at step 30.*last good checkpoint is kept"):
        run(trainer, tmp_path)
    assert trainer.done[-1] == 30, "no step is done after it"
    saved = Checkpoint(str(tmp_path), "sum").load()
    assert saved is not None
    assert saved["steps"] == 30
    assert saved["trainer"]["total"] == 435


def test_every_loss_that_is_no_number_is_named() -> None:
    """The part that broke comes with the total it broke."""
    values = [(3, {"loss/all": 1.0}), (4, {"loss/all": float("nan"), "loss/cycle": 0.5, "loss/fitness": float("inf")})]
    named = "gan: 'loss/all' became nan, 'loss/fitness' became inf at step 4"
    unrecorded = stage_run("sum", settings={}, history=Path("unused"), recorded=False)
    with unrecorded as tracked, pytest.raises(UserError, match=named):
        log_scalars(values, "gan", tracked)


@pytest.mark.parametrize(
    ("step", "advice"), [(0, "set precision=fp32, or start from other weights"), (1, "fp32, or lower the learning")]
)
def test_the_advice_fits_what_may_be_the_cause(step: int, advice: str) -> None:
    """At the first step no learning rate has had an effect."""
    unrecorded = stage_run("sum", settings={}, history=Path("unused"), recorded=False)
    with unrecorded as tracked, pytest.raises(UserError, match=advice):
        log_scalars([(step, {"loss/all": float("nan")})], "gan", tracked)


OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, 0.1, fused=True),
    "sgd": lambda parameters: torch.optim.SGD(parameters, 0.1, momentum=0.9, nesterov=True, fused=True),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "gradient"])
def test_nothing_is_updated_by_what_is_not_finite_nor_after_it(kind: str, bad: float | str) -> None:
    weight, other = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    first, second = (OPTIMIZERS[kind]([parameter]) for parameter in (weight, other))
    updates = Updates()
    for optimizer, parameter in ((first, weight), (second, other)):
        updates.make(optimizer, parameter.square().sum())
    assert weight.tolist() != [1, 1, 1]
    before = states(weight, first), states(other, second)
    # The gradient of a root is infinite at 0, where the root itself is finite.
    loss = (weight - weight.detach()).sqrt().sum() if bad == "gradient" else weight.sum() + bad
    norm = updates.make(first, loss)
    assert loss.isfinite() == (bad == "gradient")
    assert norm.isfinite() == (bad != "gradient")
    updates.make(second, other.square().sum())
    updates.make(first, weight.square().sum())
    assert (states(weight, first), states(other, second)) == before


def states(parameter: torch.nn.Parameter, optimizer: torch.optim.Optimizer) -> list[list[float]]:
    """A parameter, and all that its optimiser knows of it."""
    return [parameter.tolist(), *(value.tolist() for value in optimizer.state[parameter].values())]


def test_another_process_leaves_no_trace(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    with stage_run("sum", settings={}, history=history, recorded=False) as tracked:
        tracked.resume(-1)
        tracked.log_metrics(0, {"loss/sum": 1})
        tracked.flush()
        tracked.log_summary({"loss/sum": 1})
    assert list(tmp_path.iterdir()) == []


def test_speed_is_recorded(tmp_path: Path) -> None:
    run(Sum(), tmp_path, every_seconds=100)
    lines = [json.loads(line) for line in (tmp_path / "checkpoints" / "sum.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "speed/images_per_second" in line["values"]] == [24, 39]
