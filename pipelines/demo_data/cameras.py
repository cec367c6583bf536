"""The cameras of both generated networks: their places, their light, and the effects of their electronics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from simpgan.pipelines.demo_data.drawing import Canvas, Pose, draw_person
from simpgan.pipelines.demo_data.people import Colour, Person
from simpgan.pipelines.demo_data.scenes import HEIGHT, WIDTH, Place, draw_scene

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Light:
    """The light of a camera.

    Attributes:
        gain: Factor on red, green and blue: exposure times colour temperature.
        sun: Direction of the light, from -1 (left) to 1 (right).
        haze: Share of white that is mixed in.
        vignette: Share by which the corners are darker.
        noise: Standard deviation of the noise.
    """

    gain: Colour
    sun: float
    haze: float = 0.0
    vignette: float = 0.0
    noise: float = 0.015


@dataclass(frozen=True)
class Style:
    """The style that all cameras of a network share, applied after each camera's light.

    Attributes:
        mixing: Matrix (3, 3); its rows give the resulting red, green and blue.
        gamma: Exponent; above 1 darkens.
        contrast: Factor in `contrast * value + lift`.
        lift: Offset in `contrast * value + lift`, per channel.
        blur: Mean radius of the blur, in pixels.
        chroma_smear: Pixels over which colour bleeds sideways.
        comb: Standard deviation of the shift of every other line, in pixels (interlace).
        banding: Standard deviation of a line's brightness.
    """

    mixing: tuple[Colour, Colour, Colour]
    gamma: float
    contrast: float
    lift: Colour
    blur: float
    chroma_smear: int
    comb: float
    banding: float


@dataclass(frozen=True)
class Camera:
    """One camera: its number in its network, its empty view, its light, and the style of its network."""

    number: int
    scene: Image.Image  # the empty view
    light: Light
    style: Style


SOURCE_STYLE = Style(
    mixing=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    gamma=1.0,
    contrast=1.0,
    lift=(0, 0, 0),
    blur=0.35,
    chroma_smear=0,
    comb=0,
    banding=0,
)
# Old colour television under yellow tubes: each channel leaks into its neighbour, everything is dark and flat.
TARGET_STYLE = Style(
    mixing=((0.68, 0.08, 0.29), (0.34, 0.58, 0.04), (0.04, 0.30, 0.48)),
    gamma=1.6,
    contrast=0.68,
    lift=(0.07, 0.06, 0.04),
    blur=0.5,
    chroma_smear=5,
    comb=0.9,
    banding=0.010,
)

SOURCE_PLACES: tuple[tuple[Place, Light], ...] = (
    (
        Place((0.58, 0.56, 0.53), (0.44, 0.42, 0.40), 9, (0.20, 0.30, 0.15), (0.36, 0.44, 0.22), "hedge"),
        Light((1.02, 0.98, 0.92), sun=0.7),
    ),
    (
        Place(
            (0.55, 0.48, 0.44),
            (0.42, 0.36, 0.33),
            14,
            (0.40, 0.42, 0.43),
            (0.55, 0.55, 0.54),
            "pillars",
            furniture="bicycles",
        ),
        Light((0.92, 0.95, 1.02), sun=-0.6),
    ),
    (
        Place((0.62, 0.61, 0.60), (0.50, 0.49, 0.49), 6, (0.18, 0.24, 0.27), (0.46, 0.48, 0.50), "glass"),
        Light((0.84, 0.86, 0.90), sun=0.2, vignette=0.15),
    ),
    (
        Place(
            (0.50, 0.50, 0.49),
            (0.60, 0.60, 0.58),
            11,
            (0.52, 0.28, 0.22),
            (0.62, 0.55, 0.50),
            "bricks",
            furniture="bench",
        ),
        Light((1.08, 1.02, 0.96), sun=-0.9, haze=0.04),
    ),
    (
        Place((0.60, 0.57, 0.50), (0.48, 0.45, 0.40), 8, (0.70, 0.68, 0.64), (0.26, 0.27, 0.30), "shop"),
        Light((0.98, 0.97, 0.97), sun=0.5, haze=0.06),
    ),
    (
        Place(
            (0.44, 0.52, 0.32),
            (0.38, 0.46, 0.27),
            20,
            (0.46, 0.52, 0.56),
            (0.34, 0.38, 0.40),
            "pillars",
            furniture="railing",
        ),
        Light((0.88, 0.92, 0.98), sun=-0.2, noise=0.025),
    ),
)
TARGET_PLACES: tuple[tuple[Place, Light], ...] = (
    (
        Place(
            (0.62, 0.62, 0.58),
            (0.48, 0.48, 0.45),
            7,
            (0.66, 0.65, 0.60),
            (0.20, 0.32, 0.62),
            "tiles",
            line=(0.90, 0.80, 0.20),
        ),
        Light((1.05, 1.02, 0.95), sun=0.4),
    ),
    (
        Place((0.72, 0.71, 0.66), (0.60, 0.59, 0.55), 5, (0.34, 0.32, 0.30), (0.78, 0.76, 0.70), "posters"),
        Light((1.18, 1.16, 1.12), sun=-0.5, haze=0.06),
    ),
    (
        Place(
            (0.46, 0.45, 0.42),
            (0.36, 0.35, 0.33),
            10,
            (0.30, 0.30, 0.32),
            (0.48, 0.46, 0.44),
            "pillars",
            line=(0.86, 0.84, 0.80),
        ),
        Light((0.92, 0.92, 0.96), sun=0.0, vignette=0.2),
    ),
    (
        Place(
            (0.52, 0.50, 0.45),
            (0.40, 0.39, 0.36),
            8,
            (0.24, 0.20, 0.20),
            (0.52, 0.12, 0.12),
            "pillars",
            line=(0.88, 0.76, 0.16),
        ),
        Light((1.10, 1.00, 0.86), sun=0.6),
    ),
    (
        Place(
            (0.70, 0.69, 0.66),
            (0.58, 0.58, 0.55),
            4,
            (0.60, 0.60, 0.56),
            (0.55, 0.16, 0.14),
            "tiles",
            furniture="railing",
        ),
        Light((1.00, 1.02, 1.06), sun=-0.6, haze=0.04),
    ),
    (
        Place(
            (0.40, 0.40, 0.40),
            (0.52, 0.52, 0.52),
            16,
            (0.42, 0.42, 0.46),
            (0.30, 0.30, 0.32),
            "glass",
            furniture="bench",
        ),
        Light((1.12, 1.06, 1.00), sun=0.1, noise=0.03),
    ),
)


def source_cameras(random: np.random.Generator) -> list[Camera]:
    """Return the six outdoor cameras of the source network, numbered from 1."""
    return _cameras(SOURCE_PLACES, SOURCE_STYLE, random)


def target_cameras(random: np.random.Generator) -> list[Camera]:
    """Return the six underground cameras of the target network, numbered from 1."""
    return _cameras(TARGET_PLACES, TARGET_STYLE, random)


def _cameras(places: tuple[tuple[Place, Light], ...], style: Style, random: np.random.Generator) -> list[Camera]:
    return [
        Camera(number, Image.fromarray((draw_scene(place, random) * 255).astype(np.uint8)), light, style)
        for number, (place, light) in enumerate(places, start=1)
    ]


@dataclass(frozen=True)
class Box:
    """A detector's box around a body: height of the body and position of its crown, in box heights."""

    body: float
    crown_x: float  # from the box's middle
    crown_y: float


def sample_box(random: np.random.Generator, sloppiness: float = 1.0) -> Box:
    """Draw a detector's box. It may cut off the body or be too large, more so with more sloppiness."""
    body = float(np.clip(random.normal(0.94, 0.045 * sloppiness), 0.55, 1.6))
    return Box(body, random.normal(0, 0.022 * sloppiness), (1 - body) / 2 + random.normal(0, 0.018 * sloppiness))


def photograph(
    camera: Camera,
    person: Person | None,
    pose: Pose,
    box: Box,
    size: tuple[int, int],
    random: np.random.Generator,
    occluder: Person | None = None,
) -> Image.Image:
    """Return the image that a detector cuts out: a person or an empty place, at `size` (width, height)."""
    width, height = size
    scale = random.uniform(0.62, 0.95)  # of the scene's height that the box takes up
    tall = scale * HEIGHT
    wide = tall * width / height
    left, foot = random.uniform(0, WIDTH - wide), random.uniform(max(tall, 0.72 * HEIGHT), HEIGHT)
    cut = camera.scene.resize(size, Image.Resampling.BILINEAR, box=(left, foot - tall, left + wide, foot))
    # Sun, shade and rain change the colours of a place, so that these do not reveal the identity.
    weather = random.uniform(0.65, 1.25) * random.uniform(0.90, 1.10, 3)
    pixels = np.clip(np.asarray(cut, dtype=np.float32) / 255 * weather.astype(np.float32), 0, 1)
    body = box.body * height
    crown = (width / 2 + box.crown_x * height, box.crown_y * height)
    if person:
        draw_person(Canvas(pixels, crown, body, camera.light.sun), person, pose)
    if occluder:
        aside = random.choice((-1, 1)) * random.uniform(0.20, 0.28) * height
        nearer = Canvas(pixels, (crown[0] + aside, crown[1] + 0.12 * height), 1.1 * body, camera.light.sun)
        draw_person(nearer, occluder, Pose(random.uniform(0, 2 * np.pi), random.uniform(0, 2 * np.pi), 0.6))
    lit = _lit(pixels, camera.light, random)
    styled = _styled(lit, camera.style, random)
    picture = Image.fromarray((np.clip(styled, 0, 1) * 255).round().astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(camera.style.blur * random.uniform(0.6, 1.5)))


def _lit(pixels: Array, light: Light, random: np.random.Generator) -> Array:
    """Apply the light of a camera, which varies a little between images."""
    gain = np.asarray(light.gain, dtype=np.float32) * random.uniform(0.88, 1.12)
    lit = pixels * gain * (1 - light.haze) + light.haze
    y, x = np.ogrid[-1 : 1 : pixels.shape[0] * 1j, -1 : 1 : pixels.shape[1] * 1j]
    corners = (1 - light.vignette * (x * x + y * y) / 2)[..., None].astype(np.float32)
    return lit * corners + light.noise * random.standard_normal(pixels.shape, dtype=np.float32)


def _styled(pixels: Array, style: Style, random: np.random.Generator) -> Array:
    """Apply the network's colour response, then its transmission faults."""
    mixed = np.clip(pixels, 0, 1) @ np.asarray(style.mixing, dtype=np.float32).T
    toned = style.contrast * mixed**style.gamma + np.asarray(style.lift, dtype=np.float32)
    if style.chroma_smear:
        luma = toned.mean(axis=2, keepdims=True)
        chroma = toned - luma
        smeared = [np.roll(chroma, shift, axis=1) for shift in range(style.chroma_smear)]
        toned = luma + np.mean(smeared, axis=0, dtype=np.float32)
    if style.banding:
        toned = toned + random.normal(0, style.banding, (toned.shape[0], 1, 3)).astype(np.float32)
    if style.comb:
        toned = toned.copy()
        toned[1::2] = np.roll(toned[1::2], round(random.normal(0, style.comb)), axis=1)
    return toned
