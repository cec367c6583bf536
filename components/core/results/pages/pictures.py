"""Images that are part of a page."""

import base64
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST_PICTURE = (160, 320)
"""Largest width and height in pixels of an image in a page; crops of people are mostly smaller."""


def picture_uri(picture: NDArray[np.uint8]) -> str:
    """Return an RGB image [height, width, 3] as a JPEG data URI, made smaller if it is large.

    Noisy camera images are six times as large as PNG.
    """
    image = Image.fromarray(picture)
    image.thumbnail(LARGEST_PICTURE)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90, subsampling=0)
    return data_uri(buffer.getvalue(), "image/jpeg")


def data_uri(content: bytes, media_type: str) -> str:
    """Return a file as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def svg(figure: "Figure") -> bytes:
    """Return a figure as SVG that is the same every time and needs no font."""
    import matplotlib as mpl

    buffer = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "simpgan", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def png(figure: "Figure") -> bytes:
    """Return a figure as PNG, which stays small with thousands of points."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
