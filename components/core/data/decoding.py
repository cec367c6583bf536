"""Decode images as people see them: upright, RGB, 8 bits per channel. Images are decoded only here."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from simpgan.components.core.errors import UserError

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
RECORDED = ("JPEG", "PNG", "BMP")
"""Allowed formats of the images of a data set."""

STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
"""First bytes of every JPEG and PNG file."""
DAMAGED = "damaged or truncated image"

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation that makes an image upright, by its EXIF Orientation."""


class Unreadable(UserError):
    """The reason why bytes are not an image. It is the same on every machine, since manifests record it."""


class TooLarge(Unreadable):
    """The image has too many pixels."""


def decode_image(content: bytes, *, formats: tuple[str, ...] = FORMATS, max_pixels: int | None = None) -> Image.Image:
    """Decode an image: upright according to its EXIF Orientation, RGB, 8 bits per channel.

    Grey values of 16 bits keep their upper 8 bits, as Pillow does with colours of 16 bits. Integers of 32 bits count as
    16 bits if they lie within 0 to 65535, and floating-point values within 0 to 1 as shares of white. Transparency is
    dropped.

    Args:
        content: the encoded image.
        formats: Pillow's names of the formats to read.
        max_pixels: refuse an image with more, before its pixels are read; None: Pillow's own limit.

    Raises:
        TooLarge: it has too many pixels.
        Unreadable: the bytes are no such image, are damaged, or their values have no known scale.
    """
    return colours(_loaded(content, formats, max_pixels))


def is_plain(content: bytes) -> bool:
    """Tell whether Pillow's conversion to RGB, without a look at EXIF, shows the image as `decode_image` does."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        return orientation(image) not in TURNS and not image.mode.startswith(("F", "I"))


def refuse_long(size: int, max_pixels: int) -> None:
    """Raise Unreadable for a file of `size` bytes that is empty, or longer than any encoding of `max_pixels` pixels."""
    if size == 0:
        raise Unreadable("empty file")
    if size > 4 * max_pixels + 2**20:
        raise Unreadable(f"{size} bytes, too many for {max_pixels} pixels")


def _loaded(content: bytes, formats: tuple[str, ...], max_pixels: int | None) -> Image.Image:
    """Load the pixels of an image in the file's own mode, upright."""
    if not content:
        raise Unreadable("empty file")
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            width, height = image.size
            if max_pixels is not None and width * height > max_pixels:
                raise TooLarge(f"{width} x {height} pixels, more than {max_pixels}")
            image.load()
            turn = TURNS.get(orientation(image))
            return image if turn is None else image.transpose(turn)
    except (MemoryError, Unreadable):
        raise
    except UnidentifiedImageError:
        raise Unreadable(DAMAGED if content.startswith(STARTS) else "not a JPEG, PNG or BMP image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooLarge(f"more than {max_pixels or Image.MAX_IMAGE_PIXELS} pixels") from None
    except Exception:  # Decoders meet damage with whatever it makes them run into.
        raise Unreadable(DAMAGED) from None


def orientation(image: Image.Image) -> int:
    """Return the EXIF Orientation of an image; 1, upright, if it has none or its EXIF data are damaged."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Viewers show an image whose EXIF data are damaged, and so do we.
        return 1


def colours(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB with 8 bits per channel.

    Raises:
        Unreadable: its values have no known scale, or its mode has no colours.
    """
    if image.mode == "RGB":
        return image
    if image.mode == "F":
        image = Image.fromarray(_of_shares(np.asarray(image)))
    elif image.mode.startswith("I"):
        image = Image.fromarray(_of_integers(np.asarray(image)))
    try:
        return image.convert("RGB")
    except ValueError:
        raise Unreadable(f"an image of the mode {image.mode}, which has no RGB") from None


def _of_integers(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the upper 8 of 16 bits."""
    darkest, brightest = int(values.min()), int(values.max())
    if darkest < 0 or brightest > 65535:
        raise Unreadable(f"integers from {darkest} to {brightest}, which have no known scale: save it with 16 bits")
    if darkest != brightest and darkest >> 8 == brightest >> 8:
        raise Unreadable(
            f"16-bit values from {darkest} to {brightest} of 65535, all of one grey in 8 bits: scale them up"
        )
    return (values >> 8).astype(np.uint8)


def _of_shares(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Scale values within 0 to 1 to 0 to 255."""
    if not ((values >= 0) & (values <= 1)).all():
        raise Unreadable("floating-point values that are not all within 0 to 1: save it with 8 or 16 bits")
    return (values * 255).round().astype(np.uint8)
