"""The columns of a table of images."""

from pydantic import Field

from simpgan.components.core.settings import Settings


class TableColumns(Settings):
    """Names of the columns of the layout `table`. Columns other than that of the path may be missing in a table."""

    path: str = Field("path", min_length=1, description="Column with the file, relative to the table, or `s3://`.")
    person: str = Field("person", min_length=1, description="Column with the person, text or number; empty: unknown.")
    camera: str = Field("camera", min_length=1, description="Column with the camera, text or number; empty: unknown.")
    time: str = Field("time", min_length=1, description="Column with the frame number, seconds, or date and time.")
    role: str = Field("role", min_length=1, description="Column with `train`, `query`, `gallery` or `test`.")
    split: str = Field("split", min_length=1, description="Column that is read where a table has no column of roles.")
    protocol: str = Field("protocol", min_length=1, description="Column with the protocol of the role.")
    fold: str = Field("fold", min_length=1, description="Column with the fold of the role, from 0.")
