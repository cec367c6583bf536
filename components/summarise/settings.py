"""Settings of the summarise stage."""

from pydantic import Field

from simpgan.components.core.results.statistics import RESAMPLES
from simpgan.components.core.settings import Settings


class SummariseSettings(Settings):
    """Settings of confidence intervals and tests."""

    seed: int = Field(0, ge=0, lt=2**53, description="Seed for the draws of intervals and tests.")
    resamples: int = Field(
        RESAMPLES, ge=99, description="Draws for each interval, and for each test that has more outcomes than this."
    )
