"""How training continues from a champion: the methods, and the only split of cameras without labels."""

from simpgan.components.core.results.methods import TRANSLATORS

ADABN = "adabn"
"""The method that trains nothing and adapts the classifier's batch-norm statistics."""

RETRAINED = (*TRANSLATORS, ADABN)
"""The methods by which training continues."""

PROTOCOL, FOLD = "cameras", 0
