"""Places: an empty view of a floor and a wall, drawn once per camera. Backgrounds are cut from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from simpgan.pipelines.demo_data.people import Colour

Array = NDArray[np.floating]

HEIGHT, WIDTH = 256, 448
HORIZON = 0.46  # where the wall meets the floor, as a share of the height


@dataclass(frozen=True)
class Place:
    """The place that a camera looks at.

    Attributes:
        floor: Colour of the floor's tiles.
        joints: Colour of the lines between the tiles.
        tile: Number of tiles across the lower edge of the image.
        wall: Colour of the wall.
        detail: Colour of the structure on the wall.
        structure: hedge, glass, bricks, pillars, shop, tiles or posters.
        line: Colour of a stripe along the floor.
        furniture: none, bicycles, railing or bench.
    """

    floor: Colour
    joints: Colour
    tile: float
    wall: Colour
    detail: Colour
    structure: str
    line: Colour | None = None
    furniture: str = "none"


def draw_scene(place: Place, random: np.random.Generator) -> Array:
    """Draw the empty view: (HEIGHT, WIDTH, 3) float32 RGB in [0, 1]."""
    horizon = int(HORIZON * HEIGHT)
    scene = np.empty((HEIGHT, WIDTH, 3), dtype=np.float32)
    scene[:horizon] = _wall(place, horizon, random)
    scene[horizon:] = _floor(place, HEIGHT - horizon, random)
    scene *= 1 + 0.10 * _mottle(random, HEIGHT, WIDTH, cell=24)[..., None]
    scene = _furnished(scene, place, random)
    return np.clip(scene + random.normal(0, 0.02, scene.shape).astype(np.float32), 0.02, 1)


def _mottle(random: np.random.Generator, height: int, width: int, cell: int) -> Array:
    """Draw smooth noise in [-1, 1] with blobs of about `cell` pixels."""
    coarse = random.uniform(-1, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


def _floor(place: Place, height: int, random: np.random.Generator) -> Array:
    """Draw a tiled floor in perspective."""
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    distance = 1.0 / (down + 0.22)
    aside = (np.linspace(-0.5, 0.5, WIDTH, dtype=np.float32)[None, :] + 0.1) * distance * place.tile
    away = np.broadcast_to(distance * place.tile * 0.6, aside.shape)
    tones = random.uniform(-0.10, 0.10, (32, 32)).astype(np.float32)
    tone = tones[np.floor(aside).astype(int) % 32, np.floor(away).astype(int) % 32]
    joint = ((aside % 1) < 0.07) | ((away % 1) < 0.09)
    floor = np.asarray(place.floor, dtype=np.float32) * (1 + tone)[..., None]
    floor = np.where(joint[..., None], np.asarray(place.joints, dtype=np.float32), floor)
    if place.line:
        for offset, half in ((0.9, 0.16), (0.4, 0.05)):
            on_line = np.abs(aside / place.tile - offset + 0.25 * distance) < half
            floor = np.where(on_line[..., None], np.asarray(place.line, dtype=np.float32), floor)
    return floor * (0.80 + 0.25 * down)[..., None]


def _wall(place: Place, height: int, random: np.random.Generator) -> Array:
    y, x = np.mgrid[0:height, 0:WIDTH].astype(np.float32)
    ground, detail = np.asarray(place.wall, dtype=np.float32), np.asarray(place.detail, dtype=np.float32)
    wall = np.broadcast_to(ground, (height, WIDTH, 3)) * (0.9 + 0.2 * y / height)[..., None]

    def put(where: NDArray[np.bool_], colour: Array | Colour) -> None:
        nonlocal wall
        wall = np.where(where[..., None], np.asarray(colour, dtype=np.float32), wall)

    if place.structure == "hedge":
        leaves = _mottle(random, height, WIDTH, 5) + 0.7 * _mottle(random, height, WIDTH, 12)
        wall = wall * (1 + 0.55 * leaves)[..., None]
        put((leaves > 0.9), detail)
    elif place.structure == "glass":
        reflection = _mottle(random, height, WIDTH, 30) + 0.6 * np.sin((x + y) / 25)
        wall = wall * (1 + 0.45 * reflection)[..., None]
        put(((x % 56) < 5) | (np.abs(y - 0.3 * height) < 3) | (y > 0.93 * height), detail)
    elif place.structure == "bricks":
        row = np.floor(y / 8)
        put(((y % 8) < 1.5) | (((x + 9 * (row % 2)) % 18) < 1.5), detail)
    elif place.structure == "pillars":
        put((x % 90) < 26, detail)
        put(((x % 90) > 24) & ((x % 90) < 30), detail * 0.55)
    elif place.structure == "shop":
        put((y > 0.25 * height) & (y < 0.9 * height) & ((x % 110) < 90), detail)
        for left in range(8, WIDTH, 22):
            colour = random.uniform(0.1, 0.9, 3).astype(np.float32)
            put((np.abs(x - left) < 7) & (y > random.uniform(0.4, 0.7) * height) & (y < 0.88 * height), colour)
    elif place.structure == "tiles":
        put(((y % 11) < 1.5) | ((x % 11) < 1.5), ground * 0.8)
        put(np.abs(y - 0.55 * height) < 9, detail)
    elif place.structure == "posters":
        for left in range(14, WIDTH, 74):
            colour = random.uniform(0.15, 0.85, 3).astype(np.float32)
            frame = (x > left) & (x < left + 52) & (y > 0.1 * height) & (y < 0.85 * height)
            put(frame, detail)
            put((x > left + 3) & (x < left + 49) & (y > 0.14 * height) & (y < 0.81 * height), colour)
    return wall


def _furnished(scene: Array, place: Place, random: np.random.Generator) -> Array:
    """Draw the furniture along the foot of the wall."""
    picture = Image.fromarray((np.clip(scene, 0, 1) * 255).astype(np.uint8))
    draw, foot = ImageDraw.Draw(picture), int(HORIZON * HEIGHT)
    if place.furniture == "bicycles":
        for left in range(0, WIDTH, 26):
            x, y = left + int(random.integers(0, 8)), foot + int(random.integers(0, 7))
            paint = tuple(int(c) for c in random.integers(30, 170, 3))
            for wheel in (0, 24):
                draw.ellipse((x + wheel - 11, y - 12, x + wheel + 11, y + 10), outline=(35, 35, 38), width=2)
            draw.line((x, y, x + 9, y - 15, x + 24, y, x + 20, y - 19, x + 9, y - 15), fill=paint, width=2)
    elif place.furniture == "railing":
        for y in (foot - 26, foot - 12):
            draw.line((0, y, WIDTH, y), fill=(150, 152, 155), width=3)
        for x in range(6, WIDTH, 30):
            draw.line((x, foot - 28, x, foot + 6), fill=(120, 122, 126), width=3)
    elif place.furniture == "bench":
        for x in range(30, WIDTH, 130):
            draw.rectangle((x, foot - 8, x + 70, foot + 2), fill=(70, 52, 40))
            draw.rectangle((x + 4, foot + 2, x + 9, foot + 18), fill=(40, 40, 42))
            draw.rectangle((x + 60, foot + 2, x + 65, foot + 18), fill=(40, 40, 42))
    return np.asarray(picture, dtype=np.float32) / 255
