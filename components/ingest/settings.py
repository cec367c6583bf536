"""Settings of the ingest stage."""

from typing import Annotated

from pydantic import Field

from simpgan.components.core.settings import OneOf, Settings
from simpgan.components.ingest.columns import TableColumns
from simpgan.components.ingest.layouts import LAYOUTS


class IngestSettings(Settings):
    """Settings of reading a data set."""

    layout: Annotated[str, OneOf(LAYOUTS)] = Field(description="Layout of the data set's folders and file names.")
    name: str | None = Field(
        None,
        min_length=1,
        description="Name of the data set in the results; none: the layout's name. Another name marks data that is "
        "not the published data set.",
    )
    columns: TableColumns = Field(
        default_factory=lambda: TableColumns.parse({}), description="Columns of the layout `table`."
    )
    max_rejected_share: float = Field(
        0.05, ge=0, le=1, description="Share of the files that may be damaged before the stage stops."
    )
    max_pixels: int = Field(
        50_000_000, ge=1, description="Pixels (width x height) above which an image is rejected unread."
    )
    threads: int = Field(
        2, ge=1, le=64, description="Threads that read and verify images; more of them help on `s3://`."
    )
