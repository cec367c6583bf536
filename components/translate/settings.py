"""Settings of the translate stage."""

from typing import Literal

from pydantic import Field

from simpgan.components.core.settings import Precision, Settings

Direction = Literal["target-to-source", "source-to-target"]


class TranslateSettings(Settings):
    """Settings of the translation."""

    direction: Direction = Field(
        "target-to-source", description="Translate the target's images by F, or the source's labelled images by G."
    )
    batch: int = Field(32, ge=1, description="Images that go through the generator together.")
    precision: Precision = "auto"
