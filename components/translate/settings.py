"""Settings of the translate stage."""

from typing import Literal

from pydantic import Field

from components.core.runtime.settings import Settings


class TranslateSettings(Settings):
    """How the target's images are translated."""

    batch: int = Field(32, ge=1, description="images that go through the generator together")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: bf16 where the hardware has it")
