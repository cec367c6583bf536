"""Times of things that take turns in one process, so that a machine whose speed drifts treats them alike."""

import time
from collections.abc import Callable
from statistics import median

import torch


def take_turns(steps: dict[str, Callable[[int], object]], turns: int) -> dict[str, list[float]]:
    """Seconds of each kind of step in each turn, after one turn that warms up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(turns + 1):
        for name, step in steps.items():
            seconds = timed(step, turn + 1)
            if turn:
                times[name].append(seconds)
    return times


def timed(step: Callable[[int], object], number: int) -> float:
    wait_for_device()
    started = time.perf_counter()
    step(number)
    wait_for_device()
    return time.perf_counter() - started


def wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def ratio(times: list[float], others: list[float]) -> float:
    return median(one / other for one, other in zip(times, others, strict=True))
