"""How training continues from a champion: the methods, and the only split of cameras without labels."""

from simpgan.components.core.results.methods import CAMERA_ADABN, STATISTICS, TRANSLATORS, without_statistics

RETRAINED = (*TRANSLATORS, *(f"{translator}+{CAMERA_ADABN}" for translator in TRANSLATORS), *STATISTICS)
"""The methods by which training continues. Those of `STATISTICS` train nothing and only adapt the classifier."""

PROTOCOL, FOLD = "cameras", 0


def translator_of(method: str) -> str:
    """Return the method of the translator that a method of `RETRAINED` trains; empty: it trains nothing."""
    return "" if method in STATISTICS else without_statistics(method)
