"""Settings of the search service."""

from collections.abc import Iterable
from typing import Any, Self

from pydantic import Field

from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import Place, Settings

FALSE_ACCEPTS = 0.001


class ServeSettings(Settings):
    """Settings of the search service."""

    model: str = Field(
        description="Registered model (`NAME@champion`, `NAME@3`), or folder of an adaptation. Read once, at the start."
    )
    gallery: Place = Field(
        description="Images to search: a manifest, or a place that `simpgan gallery` wrote. Loaded again if it changes."
    )
    data_root: Place = Field(description="Folder or `s3://` prefix that holds the images of gallery and source.")
    faiss: bool = Field(
        False, description="Rank by the index that `simpgan gallery --faiss` made: faster, and may miss some images."
    )
    host: str = Field("127.0.0.1", description="Address to listen on. Every one but this machine's needs a token.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on. 0 takes a free one.")
    token_file: str = Field("", description="File with the token. If empty, the token is that of `SIMPGAN_TOKEN`.")
    false_accepts: float = Field(FALSE_ACCEPTS, ge=0, le=1, description="False accept rate of the threshold.")
    max_bytes: int = Field(10_000_000, ge=1, description="Largest request in bytes. Larger ones get status 413.")
    max_pixels: int = Field(
        20_000_000, ge=1, description="Largest image in pixels. Larger ones get status 413 and are not decoded."
    )
    max_requests: int = Field(
        128, ge=1, description="Searches that are read, wait or are computed at a time. Further ones get status 503."
    )
    watch_seconds: float = Field(5, gt=0, description="Seconds between two looks for changes of the gallery.")

    @classmethod
    def of_arguments(cls, arguments: Iterable[str], **named: Any) -> Self:
        """Return the settings in arguments NAME=VALUE, which override those in `named`.

        Raises:
            UserError: an argument has another form, or as `parse`.
        """
        values = dict(named)
        for argument in arguments:
            name, equals, value = argument.partition("=")
            if not equals:
                raise UserError(f"'{argument}' sets nothing: write NAME=VALUE, such as max_requests=64")
            values[name] = value
        return cls.parse(values, stage="serve")
