"""Settings of the ingest stage."""

from typing import Literal

from pydantic import Field

from simpgan.components.core.settings import Settings


class IngestSettings(Settings):
    """How a data set is read."""

    layout: Literal["market1501", "cuhk01", "grid", "cameras"] = Field(
        description="how the data set's folders and file names are laid out"
    )
    name: str | None = Field(
        None,
        min_length=1,
        description="what results call the data set; one other than the layout's says that it is not the published one",
    )
    max_rejected_share: float = Field(
        0.05, ge=0, le=1, description="share of the files, 0 to 1, that may be damaged before the stage stops"
    )
    max_pixels: int = Field(
        50_000_000, ge=1, description="pixels, width x height, above which an image is rejected unread"
    )
    threads: int = Field(2, ge=1, le=64, description="threads that read and verify; more help on s3://")
