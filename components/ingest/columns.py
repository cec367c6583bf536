"""The columns of a table of images."""

from pydantic import Field

from simpgan.components.core.settings import Settings


class TableColumns(Settings):
    """Names of the columns of the layout `table`. Only that of the path must be there.

    None: the column is not read. A table that lacks a column of this name is read by the default name.
    """

    path: str = Field("path", description="Column with the file, relative to the table, or `s3://`.")
    person: str | None = Field("person", description="Column with the person, text or number; empty: unknown.")
    camera: str | None = Field("camera", description="Column with the camera, text or number; empty: unknown.")
    time: str | None = Field("time", description="Column with the frame number, seconds, or date and time.")
    role: str | None = Field("role", description="Column with `train`, `query`, `gallery` or `test`.")
    split: str | None = Field("split", description="Column with the same words, read where a row has no role.")
    protocol: str | None = Field("protocol", description="Column with the protocol of the role.")
    fold: str | None = Field("fold", description="Column with the fold of the role, from 0.")
