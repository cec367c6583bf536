"""Settings of the translate stage."""

from typing import Literal

from pydantic import Field

from simpgan.components.core.settings import Precision, Settings

Direction = Literal["target-to-source", "source-to-target"]


class TranslateSettings(Settings):
    """How images are translated."""

    direction: Direction = Field(
        "target-to-source", description="by F the target's images, or by G the source's, whose people are known"
    )
    batch: int = Field(32, ge=1, description="images that go through the generator together")
    precision: Precision = "auto"
