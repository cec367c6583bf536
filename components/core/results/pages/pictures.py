"""Pictures that are part of a page."""

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LARGEST_PICTURE = (160, 320)
"""Width and height in pixels that a picture in a page is at most; crops of people are mostly smaller."""


def picture_uri(picture: NDArray[np.uint8]) -> str:
    """An RGB image [height, width, 3] as a JPEG data URI, made smaller if it is large.

    Noisy camera images are six times as large as PNG.
    """
    image = Image.fromarray(picture)
    image.thumbnail(LARGEST_PICTURE)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90, subsampling=0)
    return data_uri(buffer.getvalue(), "image/jpeg")


def data_uri(content: bytes, media_type: str) -> str:
    """A file as the address of itself."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
