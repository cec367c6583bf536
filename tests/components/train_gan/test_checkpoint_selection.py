"""Which state of the generators becomes the result."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from simpgan.components.core.tracking import read_history, stage_run
from simpgan.components.train_gan import checkpoint_selection
from simpgan.components.train_gan.checkpoint_selection import CheckpointSelector, is_better, is_candidate
from simpgan.components.train_gan.settings import TrainGanSettings


class WeightAsDistance:
    """Judges a network of one weight by that weight."""

    def measure(self, f: nn.Module, g: nn.Module) -> dict[str, float]:
        return {"frechet": f.weight.item(), "cycle": 1.0}


@pytest.fixture
def score_is_the_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_selection, "selection_score", lambda measures: measures["frechet"])


def chosen(folder: Path, weights: list[float], **settings: object) -> tuple[float, dict[str, float]]:
    """The weight that is the result of steps with these weights, and what is said about it."""
    network = nn.Linear(1, 1, bias=False)
    parsed = TrainGanSettings.parse({"steps": len(weights), **settings})
    with stage_run("train_gan", settings={}, history=folder / "history.jsonl") as run:
        selector = CheckpointSelector(WeightAsDistance(), {"f": network, "g": nn.Identity()}, parsed, run)
        for step, weight in enumerate(weights):
            nn.init.constant_(network.weight, weight)
            selector.consider(step)
        selection = selector.restore_best()
    return network.weight.item(), selection


@pytest.mark.usefixtures("score_is_the_distance")
def test_the_best_candidate_is_the_result(tmp_path: Path) -> None:
    weight, selection = chosen(tmp_path, [4, 2, 3], candidates=3)
    assert weight == 2
    assert selection == {"step": 2, "score": 2, "frechet": 2, "cycle": 1}


@pytest.mark.usefixtures("score_is_the_distance")
def test_the_last_one_on_request(tmp_path: Path) -> None:
    assert chosen(tmp_path, [4, 2, 3], candidates=3, choose="last")[0] == 3


@pytest.mark.usefixtures("score_is_the_distance")
def test_steps_between_candidates_are_not_measured(tmp_path: Path) -> None:
    assert chosen(tmp_path, [1, 4, 2, 3], candidates=2)[0] == 3
    history = read_history(tmp_path / "history.jsonl")
    assert [(entry.step, entry.values["selection/score"]) for entry in history] == [(1, 4), (3, 3)]


def test_a_score_that_is_no_number_is_never_better() -> None:
    nan = float("nan")
    assert is_better(5, nan)
    assert not is_better(nan, 5)
    assert not is_better(nan, nan)


@given(steps=st.integers(1, 300), wanted=st.integers(1, 400))
def test_candidates_are_evenly_spaced_and_the_last_step_is_one(steps: int, wanted: int) -> None:
    settings = TrainGanSettings(steps=steps, candidates=wanted)
    places = [step + 1 for step in range(steps) if is_candidate(step, settings)]
    assert len(places) == min(wanted, steps)
    assert places[-1] == steps
    gaps = torch.tensor([0, *places]).diff()
    assert gaps.max() - gaps.min() <= 1
