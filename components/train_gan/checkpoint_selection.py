"""Which state of the generators is the result: candidates at evenly spaced steps, judged without a target label."""

import math
from collections.abc import Mapping
from typing import Any

from torch import nn

from simpgan.components.core.models.unlabelled_score import LabelFree, score
from simpgan.components.core.tracking import StageRun
from simpgan.components.train_gan.settings import TrainGanSettings


class CheckpointSelector:
    """The best candidate so far, with a copy of its `networks`, which have to include `f` and `g`.

    Without a judge it considers nothing: of several processes only the first chooses.
    """

    def __init__(
        self, judge: LabelFree | None, networks: Mapping[str, nn.Module], settings: TrainGanSettings, run: StageRun
    ) -> None:
        self.judge, self.networks, self.settings, self.run = judge, networks, settings, run
        self.best: dict[str, Any] = {}

    def consider(self, step: int) -> None:
        """Measure the networks after `step` if it is a candidate, and keep them if they are better than the best."""
        if self.judge is None or not is_candidate(step, self.settings):
            return
        measures = self.judge.measure(self.networks["f"], self.networks["g"])
        new = {"step": step + 1, "score": score(measures), **measures}
        self.run.metrics(step, {f"selection/{name}": value for name, value in new.items() if name != "step"})
        if self.settings.choose == "last" or not self.best or is_better(new["score"], self.best["selection"]["score"]):
            copies = {
                name: {parameter: value.clone() for parameter, value in network.state_dict().items()}
                for name, network in self.networks.items()
            }
            self.best = {"selection": new, "networks": copies}

    def restore_best(self) -> dict[str, float]:
        """Give the networks the best candidate's weights; its number of steps, score and measures."""
        for name, network in self.networks.items():
            network.load_state_dict(self.best["networks"][name])
        return self.best["selection"]


def is_candidate(step: int, settings: TrainGanSettings) -> bool:
    """Whether a candidate is due after `step` (from 0); the last one is after the last step."""
    before, after = (done * settings.candidates // settings.steps for done in (step, step + 1))
    return after > before


def is_better(new: float, best: float) -> bool:
    """Lower is better, and any number better than none."""
    return new < best or (math.isnan(best) and not math.isnan(new))
