"""Draw a person: body parts are columns around an axis, shaded by their curvature, and painted from far to near.

Every part has a surface coordinate: the longitude (0 at the part's front, in radians) and the length along its axis.
Patterns, faces, straps and open jackets are functions of both, so they turn with the body.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simpgan.pipelines.demo_data.people import Colour, Fabric, Person

Array = NDArray[np.floating]
Point = tuple[float, float]
Texture = Callable[[Array, Array], Array]  # (longitude seen from the camera, length along) -> RGB

CAMERA_TILT = 0.22  # shift downwards in the image per unit of nearness, since cameras look from above
HIP, KNEE_LENGTH, SHIN_LENGTH = 0.49, 0.225, 0.225


@dataclass(frozen=True)
class Pose:
    """The pose of a person in front of the camera at one moment."""

    facing: float  # radians: 0 towards the camera, pi / 2 to the right, pi away
    phase: float  # radians of the walking cycle
    stride: float  # 0 standing, 1 walking fast


@dataclass(frozen=True)
class Canvas:
    """An image, and the position of a body in it.

    Attributes:
        pixels: (height, width, 3) float32 RGB in [0, 1], painted in place.
        crown: Pixel (x, y) of the top of the head.
        scale: Pixels per body height.
        sun: Direction of the light, from -1 (left) to 1 (right).
    """

    pixels: Array
    crown: Point
    scale: float
    sun: float

    def cover(
        self, start: Point, end: Point, half_widths: Sequence[float], flatness: float = 1.0
    ) -> tuple[Array, Array, Array, Array, float]:
        """Find the pixels under a column from `start` to `end`, in body heights.

        Returns:
            A view of the pixels (h, w, 3); per pixel (h, w), the share that is covered in [0, 1], the longitude in
            radians, and the length along the axis in body heights; and the vertical component of the axis.
        """
        x0, y0 = self.crown[0] + start[0] * self.scale, self.crown[1] + start[1] * self.scale
        x1, y1 = self.crown[0] + end[0] * self.scale, self.crown[1] + end[1] * self.scale
        length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-3)
        axis_x, axis_y = (x1 - x0) / length, (y1 - y0) / length
        reach = max(half_widths) * self.scale + 1
        left, right = max(0, int(min(x0, x1) - reach)), max(0, int(max(x0, x1) + reach) + 2)
        top, bottom = max(0, int(min(y0, y1) - reach)), max(0, int(max(y0, y1) + reach) + 2)
        view = self.pixels[top:bottom, left:right]
        down = np.arange(top, top + view.shape[0], dtype=np.float32)[:, None] - np.float32(y0)
        aside = np.arange(left, left + view.shape[1], dtype=np.float32)[None, :] - np.float32(x0)
        along = aside * axis_x + down * axis_y
        across = aside * axis_y - down * axis_x
        within = np.clip(along, 0, length)
        stations = np.arange(len(half_widths))
        half = np.interp(within * (stations[-1] / length), stations, half_widths).astype(np.float32) * self.scale
        coverage = np.clip(0.5 - (np.hypot(across, (along - within) * flatness) - half), 0, 1)
        longitude = np.arcsin(np.clip(across / half, -1, 1))
        return view, coverage, longitude, along / self.scale, axis_y

    def column(
        self, start: Point, end: Point, half_widths: Sequence[float], texture: Texture, flatness: float = 1.0
    ) -> None:
        """Paint a column with round ends; `flatness` above 1 squares them off."""
        view, coverage, longitude, along, axis_y = self.cover(start, end, half_widths, flatness)
        light = 0.62 + 0.36 * np.cos(longitude) + 0.22 * self.sun * np.sin(longitude) * axis_y
        view += coverage[..., None] * (texture(longitude, along) * light[..., None] - view)

    def shadow(self, start: Point, end: Point, half_widths: Sequence[float], depth: float) -> None:
        """Darken what lies under a column by the share `depth`."""
        view, coverage, *_ = self.cover(start, end, half_widths)
        view *= 1 - depth * coverage[..., None]


def draw_person(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Paint a person, with the shadow on the ground, onto the canvas."""
    away = -0.30 * canvas.sun
    canvas.shadow((-0.08 + min(away, 0), 0.985), (0.08 + max(away, 0), 0.985), (0.030, 0.036, 0.030), depth=0.40)
    parts = [
        *_legs(person, pose),
        *_arms(person, pose),
        *_torso(person, pose),
        *_head(person, pose),
        *_bag(person, pose),
    ]
    for _, start, end, half_widths, texture, flatness in sorted(parts, key=lambda part: part[0]):
        canvas.column(start, end, half_widths, texture, flatness)


Part = tuple[float, Point, Point, Sequence[float], Texture, float]  # the first is the nearness to the camera


def _part(
    pose: Pose,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    half_widths: Sequence[float],
    texture: Texture,
    flatness: float = 1.0,
    nearer: float = 0.0,
) -> Part:
    """Return a part between two points of the body (left, down, forward), as the camera sees it."""

    def seen(point: tuple[float, float, float]) -> tuple[Point, float]:
        lateral, down, forward = point
        near = forward * np.cos(pose.facing) - lateral * np.sin(pose.facing)
        aside = lateral * np.cos(pose.facing) + forward * np.sin(pose.facing)
        return (float(aside), float(down + CAMERA_TILT * near)), float(near)

    (from_point, from_near), (to_point, to_near) = seen(start), seen(end)
    return (from_near + to_near) / 2 + nearer, from_point, to_point, half_widths, texture, flatness


def _turned(pose: Pose, front: Sequence[float] | Array, side: Sequence[float] | Array) -> list[float]:
    """Return the half widths of an elliptic column that the camera sees at the pose's angle."""
    return [float(np.hypot(f * np.cos(pose.facing), s * np.sin(pose.facing))) for f, s in zip(front, side, strict=True)]


def _from_front(longitude: Array, pose: Pose) -> Array:
    """Return the longitude relative to the front of the body, in [-pi, pi)."""
    return (longitude - pose.facing + np.pi) % (2 * np.pi) - np.pi


def _plain(colour: Colour) -> Texture:
    ground = np.asarray(colour, dtype=np.float32)
    return lambda longitude, along: np.broadcast_to(ground, (*longitude.shape, 3))


def _choose(where: Array | NDArray[np.bool_], chosen: Colour, otherwise: Array) -> Array:
    return np.where(where[..., None], np.asarray(chosen, dtype=np.float32), otherwise)


def _cloth(fabric: Fabric, pose: Pose, creases: float = 0.10) -> Texture:
    """Return the pattern of a fabric, with the folds that walking causes."""

    def texture(longitude: Array, along: Array) -> Array:
        around, repeat = _from_front(longitude, pose), fabric.repeat
        stripe = (along % repeat) < 0.5 * repeat
        upright = ((around * 0.12) % repeat) < 0.5 * repeat
        accented = {
            "plain": lambda: np.zeros(longitude.shape, dtype=bool),
            "hoops": lambda: stripe,
            "pinstripes": lambda: upright,
            "checks": lambda: stripe ^ upright,
            "blocks": lambda: along < 0.5 * HIP - 0.10,
            "logo": lambda: np.hypot(around * 0.10, along - 0.10) < 0.042,
            "dots": lambda: np.hypot((around * 0.12) % repeat - repeat / 2, along % repeat - repeat / 2) < 0.3 * repeat,
            "side stripe": lambda: np.abs(np.abs(around) - np.pi / 2) < 0.35,
        }[fabric.pattern]()
        colour = _choose(accented, fabric.accent, np.asarray(fabric.colour, dtype=np.float32))
        folds = 1 - creases * np.sin(along * 55 + 3 * longitude + 5 * pose.phase) * np.abs(
            np.sin(longitude * 2 + pose.phase)
        )
        return colour * folds[..., None]

    return texture


def _legs(person: Person, pose: Pose) -> list[Part]:
    parts: list[Part] = []
    skin, shoe = _plain(person.skin), _plain(person.shoes)
    cloth = _cloth(person.bottom, pose)
    for side in (-1, 1):
        swing = pose.phase + side * np.pi / 2
        thigh = 0.5 * pose.stride * np.sin(swing)
        shin = thigh - 0.10 - 0.75 * pose.stride * max(0.0, float(np.cos(swing)))
        lateral = side * 0.047 * person.girth
        hip = (lateral, HIP, 0.0)
        knee = (lateral, HIP + KNEE_LENGTH * np.cos(thigh), KNEE_LENGTH * np.sin(thigh))
        ankle = (lateral, knee[1] + SHIN_LENGTH * np.cos(shin), knee[2] + SHIN_LENGTH * np.sin(shin))
        toe = (lateral * 1.15, ankle[1] + 0.022, ankle[2] + 0.072)
        thigh_widths = [0.056 * person.girth, 0.042 * person.girth]
        covered_thigh, covered_shin = person.legwear != "skirt", person.legwear == "trousers"
        wide, narrow = (0.037, 0.031) if covered_shin else (0.031, 0.021)
        parts += [
            _part(pose, (*ankle[:2], ankle[2] - 0.012), toe, [0.026, 0.022], shoe),
            _part(pose, knee, ankle, [wide * person.girth, narrow], cloth if covered_shin else skin, nearer=0.005),
            _part(pose, hip, knee, thigh_widths, cloth if covered_thigh else skin, nearer=0.01),
        ]
    if person.legwear == "skirt":
        flare = [0.085 * person.girth, 0.105 * person.girth, 0.125 * person.girth]
        widths = _turned(pose, flare, [0.8 * width for width in flare])
        parts.append(_part(pose, (0, 0.45, 0), (0, 0.68, 0), widths, cloth, flatness=5, nearer=0.08))
    return parts


def _torso(person: Person, pose: Pose) -> list[Part]:
    front = np.array([0.052, 0.108, 0.110, 0.104, 0.098 * person.waist, 0.098, 0.104]) * person.girth
    side = np.array([0.042, 0.064, 0.074, 0.076, 0.072, 0.076, 0.078]) * person.girth
    cloth = _cloth(person.top, pose)

    def texture(longitude: Array, along: Array) -> Array:
        around = _from_front(longitude, pose)
        colour = cloth(longitude, along)
        if person.jacket:
            colour = _choose(np.abs(around) > 0.28 + 0.5 * along, person.jacket, colour)
        else:
            neckline = np.hypot(around * 0.075, along) < 0.034
            colour = _choose(neckline, person.skin, colour)
        if person.bag == "backpack":
            colour = _choose((np.abs(np.abs(around) - 0.62) < 0.16) & (along < 0.20), person.bag_colour, colour)
        if person.bag == "shoulder":
            strap = np.abs(along - 0.15 - person.bag_side * 0.13 * np.sin(around)) < 0.014
            colour = _choose(strap, person.bag_colour, colour)
        return colour

    widths = _turned(pose, front, side)
    neck = _part(pose, (0, 0.11, 0), (0, 0.17, 0), [0.030, 0.034], _plain(person.skin), nearer=0.16)
    return [neck, _part(pose, (0, 0.165, 0), (0, person.hem, 0), widths, texture, flatness=3, nearer=0.09)]


def _arms(person: Person, pose: Pose) -> list[Part]:
    parts: list[Part] = []
    sleeve = _plain(person.jacket) if person.jacket else _cloth(person.top, pose)
    skin = _plain(person.skin)
    for side in (-1, 1):
        swing = -0.55 * pose.stride * np.sin(pose.phase + side * np.pi / 2)
        bend = swing + 0.18 + 0.35 * pose.stride
        lateral = side * 0.096 * person.girth
        shoulder = (lateral, 0.206, 0.0)
        elbow = (lateral * 1.28, 0.200 + 0.150 * np.cos(swing), 0.150 * np.sin(swing))
        wrist = (lateral * 1.28, elbow[1] + 0.130 * np.cos(bend), elbow[2] + 0.130 * np.sin(bend))
        hand = (lateral * 1.28, wrist[1] + 0.022, wrist[2] + 0.008)
        upper, lower = person.sleeves != "none", person.sleeves == "long"
        # An arm hangs beside the body: its elbow and shoulder decide whether it is before or behind the torso.
        parts += [
            _part(pose, wrist, hand, [0.020, 0.017], skin, nearer=0.11),
            _part(pose, elbow, wrist, [0.028, 0.022], sleeve if lower else skin, nearer=0.11),
            _part(pose, shoulder, elbow, [0.034, 0.029], sleeve if upper else skin, nearer=0.12),
        ]
    return parts


def _head(person: Person, pose: Pose) -> list[Part]:
    hairline = {"bald": -9.0, "cap": 0.010}.get(person.hair_style, -0.014)
    nape = {"bald": -9.0, "short": 0.045, "cap": 0.045}.get(person.hair_style, 0.075)

    def texture(longitude: Array, along: Array) -> Array:
        around = np.abs(_from_front(longitude, pose))
        colour = _plain(person.skin)(longitude, along)
        eyes = np.hypot((around - 0.42) * 0.05, along - 0.022) < 0.0085
        mouth = np.hypot(around * 0.03, along - 0.062) < 0.010
        colour = colour * (1 - 0.65 * eyes - 0.25 * mouth)[..., None]
        colour = _choose(
            (along < hairline + 0.026 * around**2) | ((around > 1.25) & (along < nape)), person.hair, colour
        )
        if person.hair_style == "cap":
            colour = _choose(along < 0.004 + 0.012 * (around < 1.0), person.cap, colour)
        return colour

    hair = _plain(person.hair)
    over = 0.30  # the head is over everything else on the body that it could meet
    parts = [_part(pose, (0, 0.058, 0.012), (0, 0.098, 0.012), [0.056, 0.046], texture, nearer=over)]
    towards = np.cos(pose.facing)
    behind = -0.02 if towards > 0.3 else over + 0.2 if towards < -0.3 else over - 0.02
    if person.hair_style in ("bob", "long"):
        end = 0.125 if person.hair_style == "bob" else 0.225
        parts.append(_part(pose, (0, 0.065, -0.022), (0, end, -0.035), [0.056, 0.058, 0.050], hair, 2, behind))
    if person.hair_style == "bun":
        parts.append(_part(pose, (0, 0.018, -0.040), (0, 0.026, -0.044), [0.028, 0.028], hair, nearer=behind))
    if person.hair_style == "ponytail":
        parts.append(_part(pose, (0, 0.050, -0.055), (0, 0.205, -0.085), [0.018, 0.024, 0.010], hair, nearer=behind))
    return parts


def _bag(person: Person, pose: Pose) -> list[Part]:
    red, green, blue = person.bag_colour
    leather = Fabric("hoops", person.bag_colour, (0.8 * red, 0.8 * green, 0.8 * blue), 0.11)
    texture, side = _cloth(leather, pose, creases=0.05), -person.bag_side
    if person.bag == "backpack":
        widths = _turned(pose, [0.060, 0.086, 0.090, 0.084], [0.036, 0.048, 0.052, 0.046])
        return [_part(pose, (0, 0.205, -0.100), (0, 0.395, -0.105), widths, texture, 3, nearer=0.04)]
    if person.bag == "shoulder":
        widths = _turned(pose, [0.050, 0.058], [0.078, 0.088])
        lateral = side * 0.125 * person.girth
        return [_part(pose, (lateral, 0.44, -0.01), (lateral, 0.53, -0.01), widths, texture, 3, nearer=0.06)]
    if person.bag == "handbag":
        widths = _turned(pose, [0.030, 0.040], [0.066, 0.074])
        lateral = side * 0.150 * person.girth
        handle = _part(pose, (lateral, 0.475, 0.02), (lateral, 0.54, 0.02), [0.010, 0.010], texture, nearer=0.02)
        return [handle, _part(pose, (lateral, 0.56, 0.02), (lateral, 0.66, 0.02), widths, texture, 4, nearer=0.03)]
    return []
