"""What changes as the training goes on: the learning rates and the share of positive pairs."""

import math

from simpgan.components.pretrain.settings import PretrainSettings


def positive_share(epoch: float, settings: PretrainSettings) -> float:
    """Share of positive pairs, one half at first and falling (Zheng et al. 2016)."""
    return 1 / min(1 + settings.max_negatives, 2 * settings.negatives_growth ** int(epoch))


def rate_factor(epoch: float, settings: PretrainSettings) -> float:
    """What the learning rates are multiplied with at `epoch` (fractions count) of the pairs."""
    warmup = min(1.0, (epoch + 1e-3) / settings.warmup_epochs) if settings.warmup_epochs else 1.0
    if settings.schedule == "step":
        return warmup * (0.1 if epoch >= settings.step_epoch else 1.0)
    return warmup * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
