"""How training continues from a champion: the methods, and the only split of cameras without labels."""

from simpgan.components.core.results.methods import (
    JOINED,
    SELF_TRAINING,
    STATISTICS,
    TRANSLATORS,
    and_whitened,
    with_part,
    without_statistics,
)

CONTINUED = (*TRANSLATORS, SELF_TRAINING)
RETRAINED = and_whitened(
    [
        *CONTINUED,
        *(with_part(method, part) for method in CONTINUED for part in STATISTICS),
        *STATISTICS,
        *(with_part(part, JOINED) for part in STATISTICS),
    ]
)
"""The methods by which training continues. Those that begin by one of `STATISTICS` train nothing."""

PROTOCOL, FOLD = "cameras", 0


def translator_of(method: str) -> str:
    """Return the method of the translator that a method of `RETRAINED` trains; empty: it trains none."""
    trained = without_statistics(method)
    return trained if trained in TRANSLATORS else ""


def learns_from_clusters(method: str) -> bool:
    """Tell whether the champion's classifier goes on by self-training."""
    return without_statistics(method) == SELF_TRAINING
