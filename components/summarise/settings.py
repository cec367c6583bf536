"""Settings of the summarise stage."""

from pydantic import Field

from simpgan.components.core.results.statistics import RESAMPLES
from simpgan.components.core.settings import Settings


class SummariseSettings(Settings):
    """How much chance goes into confidence intervals and tests."""

    seed: int = Field(0, ge=0, lt=2**53, description="of the draws")
    resamples: int = Field(RESAMPLES, ge=99, description="draws of an interval, and of a test that has more outcomes")
