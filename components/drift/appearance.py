"""Plain measures of pictures that explain why a camera may have changed: light, contrast, sharpness and size."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LARGE = 0.8
"""Difference in standard deviations from which on a change is large (Cohen 1988)."""

LUMA = np.array([0.299, 0.587, 0.114])


class Measure(NamedTuple):
    """Title of a measure, and the words for a fall and a rise."""

    title: str
    falls: str
    rises: str


MEASURES = {
    "brightness": Measure("brightness, 0 to 255", "darker", "brighter"),
    "contrast": Measure("contrast, deviation of the brightness in a picture", "flatter", "richer in contrast"),
    "sharpness": Measure("sharpness, difference of neighbouring pixels over the contrast", "less sharp", "sharper"),
    "saturation": Measure("colour, spread of red, green and blue, 0 to 255", "paler", "more colourful"),
    "height": Measure("height as recorded, pixels", "smaller", "larger"),
}


@dataclass(frozen=True)
class Change:
    """Means of a measure before and now.

    Attributes:
        before: mean of the images before.
        now: mean of the new images.
        effect: their difference in standard deviations of the images before.
    """

    before: float
    now: float
    effect: float

    @property
    def large(self) -> bool:
        """Whether the difference is at least `LARGE` standard deviations."""
        return abs(self.effect) >= LARGE


def appearance(images: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Measure images uint8 [N, 3, H, W]: [N] per measure of `MEASURES` except the height."""
    values = images.astype(np.float64)
    light = np.einsum("nchw,c->nhw", values, LUMA)
    contrast = light.std((1, 2))
    across, down = (np.abs(np.diff(light, axis=axis)).mean((1, 2)) for axis in (1, 2))
    return {
        "brightness": light.mean((1, 2)),
        "contrast": contrast,
        "sharpness": (across + down) / 2 / np.maximum(contrast, 1),
        "saturation": (values.max(1) - values.min(1)).mean((1, 2)),
    }


def change(before: NDArray[np.float64], now: NDArray[np.float64]) -> Change:
    """Compare a measure of some images with that of earlier ones.

    The deviation is at least a twentieth of the mean, so that differences are small even if all images before were
    alike.
    """
    spread = max(float(before.std()), abs(float(before.mean())) / 20, 1e-12)
    return Change(float(before.mean()), float(now.mean()), float((now.mean() - before.mean()) / spread))


def in_words(changes: dict[str, Change]) -> list[str]:
    """Return the large changes, the largest first, such as `darker (brightness 112 to 61)`."""
    large = sorted((name for name in changes if changes[name].large), key=lambda name: -abs(changes[name].effect))
    return [
        f"{MEASURES[name].falls if changes[name].effect < 0 else MEASURES[name].rises} "
        f"({name} {changes[name].before:.3g} to {changes[name].now:.3g})"
        for name in large
    ]
