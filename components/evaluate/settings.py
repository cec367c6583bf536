"""Settings of the evaluate stage."""

from typing import Literal

from pydantic import Field

from components.core.runtime.settings import Settings


class EvaluateSettings(Settings):
    """How people are looked for in the target, and what is shown of it."""

    seed: int = Field(0, ge=0, lt=2**53, description="of the order in which batch-norm statistics see images")
    protocols: list[str] = Field([], description="of the target to evaluate; all of them if empty")
    adabn: bool = Field(True, description="also with batch-norm statistics recomputed on the unlabelled images")
    max_rank: int = Field(50, ge=20, description="length of the CMC curves")
    probes_shown: int = Field(6, ge=0, description="probes whose ranked lists the report shows")
    batch: int = Field(64, ge=2, description="images that go through the classifier together")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: bf16 where the hardware has it")
