"""Schedules: the learning rates and the share of positive pairs."""

import math

from simpgan.components.pretrain.settings import PretrainSettings


def positive_share(epoch: float, settings: PretrainSettings) -> float:
    """Return the share of positive pairs at `epoch`, which starts at one half and falls (Zheng et al. 2016)."""
    return 1 / min(1 + settings.max_negatives, 2 * settings.negatives_growth ** int(epoch))


def rate_factor(epoch: float, settings: PretrainSettings) -> float:
    """Return the factor of the learning rates at `epoch` of the pairs, which may be fractional."""
    warmup = min(1.0, (epoch + 1e-3) / settings.warmup_epochs) if settings.warmup_epochs else 1.0
    if settings.schedule == "step":
        return warmup * (0.1 if epoch >= settings.step_epoch else 1.0)
    return warmup * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
