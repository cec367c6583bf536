"""Read the image and the fields of a request, within limits: what is too large is never whole in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message

from simpgan.components.search.serve.refusals import Refusal

SECONDS = 30
"""Longest time that an upload may take."""

FIELD_BYTES = 1024
FIELDS = ("camera", "top")
IMAGE = "image"


@dataclass(frozen=True)
class Upload:
    """A request for a search.

    Attributes:
        image: the encoded image.
        fields: values of `FIELDS` that were given and are not empty.
    """

    image: bytes
    fields: dict[str, str] = field(default_factory=dict)


async def read_upload(request: Request, most: int) -> Upload:
    """Read a request: an image as the body with fields in the address, or a form (multipart/form-data) with both.

    Args:
        request: the request.
        most: largest body in bytes. At most so much of a body is kept.

    Raises:
        Refusal: the body is larger or takes too long, or it has another form.
    """
    length = request.headers.get("Content-Length", "0")
    if length.isdecimal() and int(length) > most:
        raise too_large(most)
    limited = Request(request.scope, receive_at_most(request.receive, most))
    form = request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "multipart/form-data"
    try:
        async with asyncio.timeout(SECONDS):
            image, given = await (read_form(limited) if form else read_body(limited))
    except TimeoutError:
        raise Refusal(408, f"the upload took longer than {SECONDS} seconds") from None
    fields = {**request.query_params, **given}
    return Upload(image, {name: fields[name] for name in FIELDS if fields.get(name)})


async def read_body(request: Request) -> tuple[bytes, dict[str, str]]:
    """Return the image that is the body."""
    return await request.body(), {}


async def read_form(request: Request) -> tuple[bytes, dict[str, str]]:
    """Return the image and the fields of a form.

    Raises:
        Refusal: the form is damaged, has no image, or has other parts.
    """
    try:
        async with request.form(max_files=1, max_fields=len(FIELDS), max_part_size=FIELD_BYTES) as form:
            image = form.get(IMAGE)
            if not isinstance(image, UploadFile):
                raise Refusal(400, f"the form has no file: send the image as the part '{IMAGE}', with a file name")
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            return await image.read(), fields
    except HTTPException as failure:  # what Starlette makes of a damaged form
        raise Refusal(400, f"the form cannot be read: {failure.detail.rstrip('.')}") from None


def receive_at_most(receive: Callable[[], Awaitable[Message]], most: int) -> Callable[[], Awaitable[Message]]:
    """Return `receive` with a limit of `most` bytes.

    Raises:
        Refusal: from the returned function, as soon as more bytes have come.
    """
    left = most

    async def limited() -> Message:
        nonlocal left
        message: Any = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise too_large(most)
        return message

    return limited


def too_large(most: int) -> Refusal:
    """Return the refusal of a body with more than `most` bytes."""
    return Refusal(413, f"the request is larger than {most:,} bytes: send a smaller image")
