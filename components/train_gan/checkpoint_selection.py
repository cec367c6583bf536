"""Select the checkpoint that becomes the result, by a score that needs no target labels."""

import math
from collections.abc import Mapping
from typing import Any

from torch import nn

from simpgan.components.core.models.unlabelled_score import TranslatorJudge, selection_score
from simpgan.components.core.tracking import StageRun
from simpgan.components.train_gan.settings import TrainGanSettings


class CheckpointSelector:
    """Keeps the best candidate so far.

    Args:
        judge: measures candidates. None in all processes but the first, which select nothing.
        networks: networks of a candidate by name; `f` and `g` are required.
        settings: settings of the stage.
        run: gets the measures of every candidate.
    """

    def __init__(
        self,
        judge: TranslatorJudge | None,
        networks: Mapping[str, nn.Module],
        settings: TrainGanSettings,
        run: StageRun,
    ) -> None:
        self.judge, self.networks, self.settings, self.run = judge, networks, settings, run
        self.best: dict[str, Any] = {}

    def consider(self, step: int) -> None:
        """Measure the networks if `step` (from 0) makes a candidate, and copy them if they are the best so far."""
        if self.judge is None or not is_candidate(step, self.settings):
            return
        measures = self.judge.measure(self.networks["f"], self.networks["g"])
        new = {"step": step + 1, "score": selection_score(measures), **measures}
        self.run.log_metrics(step, {f"selection/{name}": value for name, value in new.items() if name != "step"})
        if self.settings.choose == "last" or not self.best or is_better(new["score"], self.best["selection"]["score"]):
            copies = {
                name: {parameter: value.clone() for parameter, value in network.state_dict().items()}
                for name, network in self.networks.items()
            }
            self.best = {"selection": new, "networks": copies}

    def restore_best(self) -> dict[str, float]:
        """Load the best candidate's weights into the networks; return its number of steps, score and measures."""
        for name, network in self.networks.items():
            network.load_state_dict(self.best["networks"][name])
        return self.best["selection"]


def is_candidate(step: int, settings: TrainGanSettings) -> bool:
    """Tell whether a candidate is due after `step` (from 0); the last one is due after the last step."""
    before, after = (done * settings.candidates // settings.steps for done in (step, step + 1))
    return after > before


def is_better(new: float, best: float) -> bool:
    """Tell whether a score is better than the best so far: lower is better, and any number is better than NaN."""
    return new < best or (math.isnan(best) and not math.isnan(new))
