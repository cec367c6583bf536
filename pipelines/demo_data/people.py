"""The generated people: everything about a person that stays the same from camera to camera.

Colours are RGB in [0, 1] under white light. Lengths are fractions of the body's height.
"""

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]

# Weights of colours: dark and muted tops and blue trousers prevail, as in a street.
TOP_COLOURS: dict[Colour, float] = {
    (0.88, 0.88, 0.86): 5,  # white
    (0.09, 0.09, 0.10): 4,  # black
    (0.45, 0.46, 0.48): 3,  # grey
    (0.72, 0.10, 0.12): 5,  # red
    (0.13, 0.17, 0.38): 3,  # navy
    (0.20, 0.42, 0.78): 3,  # blue
    (0.52, 0.72, 0.88): 2,  # sky blue
    (0.15, 0.48, 0.24): 3,  # green
    (0.92, 0.76, 0.18): 3,  # yellow
    (0.45, 0.20, 0.55): 2,  # purple
    (0.90, 0.55, 0.66): 2,  # pink
    (0.90, 0.45, 0.12): 2,  # orange
    (0.40, 0.26, 0.16): 2,  # brown
    (0.75, 0.66, 0.50): 2,  # beige
    (0.10, 0.50, 0.52): 1,  # teal
}
BOTTOM_COLOURS: dict[Colour, float] = {
    (0.18, 0.25, 0.42): 6,  # blue denim
    (0.40, 0.49, 0.62): 3,  # washed denim
    (0.08, 0.08, 0.10): 5,  # black
    (0.36, 0.36, 0.38): 3,  # grey
    (0.66, 0.57, 0.42): 3,  # khaki
    (0.84, 0.83, 0.80): 2,  # white
    (0.34, 0.22, 0.15): 2,  # brown
    (0.28, 0.34, 0.22): 1,  # olive
    (0.58, 0.14, 0.20): 1,  # wine red
}
SKIN_COLOURS: dict[Colour, float] = {
    (0.90, 0.72, 0.60): 4,
    (0.82, 0.62, 0.48): 4,
    (0.66, 0.46, 0.33): 2,
    (0.42, 0.28, 0.20): 1,
}
HAIR_COLOURS: dict[Colour, float] = {
    (0.07, 0.06, 0.06): 6,
    (0.22, 0.14, 0.09): 4,
    (0.45, 0.29, 0.15): 2,
    (0.78, 0.62, 0.36): 2,
    (0.62, 0.62, 0.62): 1,
}
SHOE_COLOURS: dict[Colour, float] = {
    (0.08, 0.07, 0.07): 5,
    (0.85, 0.85, 0.85): 4,
    (0.35, 0.22, 0.14): 2,
    (0.70, 0.15, 0.15): 1,
}
BAG_COLOURS: dict[Colour, float] = {
    (0.08, 0.08, 0.09): 4,
    (0.75, 0.14, 0.14): 2,
    (0.16, 0.28, 0.62): 2,
    (0.42, 0.27, 0.15): 2,
    (0.90, 0.88, 0.84): 2,
    (0.86, 0.68, 0.14): 1,
    (0.20, 0.46, 0.26): 1,
}


@dataclass(frozen=True)
class Fabric:
    """A cloth: its ground colour, the colour of its pattern, and the pattern's repeat length."""

    pattern: str
    colour: Colour
    accent: Colour
    repeat: float


@dataclass(frozen=True)
class Person:
    """One generated identity."""

    skin: Colour
    hair: Colour
    hair_style: str  # bald | short | bob | long | bun | ponytail | cap
    cap: Colour
    girth: float  # body width, 1 = average
    waist: float  # waist width relative to the hips
    top: Fabric
    sleeves: str  # none | short | long
    hem: float  # where the top ends, from the head downwards
    jacket: Colour | None  # worn open over the top
    bottom: Fabric
    legwear: str  # trousers | shorts | skirt
    shoes: Colour
    bag: str  # none | backpack | shoulder | handbag
    bag_colour: Colour
    bag_side: int  # -1 right hand, +1 left hand


def sample_person(random: np.random.Generator) -> Person:
    """Draw one identity. Two draws almost surely differ in the colour or pattern of some piece of clothing."""
    top_colour = _colour(random, TOP_COLOURS)
    jacket = _colour(random, TOP_COLOURS) if random.random() < 0.22 else None
    legwear = _one(random, {"trousers": 7, "shorts": 3, "skirt": 2})
    return Person(
        skin=_colour(random, SKIN_COLOURS, spread=0.03),
        hair=_colour(random, HAIR_COLOURS, spread=0.03),
        hair_style=_one(random, {"short": 6, "bald": 1, "bob": 2, "long": 3, "bun": 1, "ponytail": 2, "cap": 2}),
        cap=_colour(random, BAG_COLOURS),
        girth=random.uniform(0.86, 1.22),
        waist=random.uniform(0.78, 1.02),
        top=Fabric(
            pattern=_one(
                random, {"plain": 5, "hoops": 2, "pinstripes": 1, "checks": 2, "blocks": 2, "logo": 3, "dots": 1}
            ),
            colour=top_colour,
            accent=_contrasting(random, top_colour),
            repeat=random.uniform(0.05, 0.085),
        ),
        sleeves="long" if jacket else _one(random, {"none": 1, "short": 5, "long": 4}),
        hem=random.uniform(0.58, 0.68) if jacket and random.random() < 0.4 else random.uniform(0.47, 0.53),
        jacket=jacket,
        bottom=_bottom_fabric(random, legwear),
        legwear=legwear,
        shoes=_colour(random, SHOE_COLOURS),
        bag=_one(random, {"none": 4, "backpack": 3, "shoulder": 2, "handbag": 2}),
        bag_colour=_colour(random, BAG_COLOURS),
        bag_side=int(random.choice((-1, 1))),
    )


def _bottom_fabric(random: np.random.Generator, legwear: str) -> Fabric:
    colour = _colour(random, TOP_COLOURS if legwear == "skirt" else BOTTOM_COLOURS)
    pattern = _one(
        random, {"plain": 8, "checks": 1, "side stripe": 2} if legwear != "skirt" else {"plain": 2, "hoops": 1}
    )
    return Fabric(pattern, colour, _contrasting(random, colour), repeat=random.uniform(0.05, 0.08))


def _one(random: np.random.Generator, weights: dict[str, int]) -> str:
    share = np.array(list(weights.values()), dtype=float)
    return list(weights)[int(random.choice(len(share), p=share / share.sum()))]


def _colour(random: np.random.Generator, palette: dict[Colour, float], spread: float = 0.06) -> Colour:
    """Draw a colour of the palette, with small changes of brightness and of each channel."""
    share = np.array(list(palette.values()), dtype=float)
    base = np.array(list(palette)[int(random.choice(len(share), p=share / share.sum()))])
    shifted = base * random.uniform(0.82, 1.15) + random.uniform(-spread, spread, size=3)
    red, green, blue = np.clip(shifted, 0.03, 0.95)
    return float(red), float(green), float(blue)


def _contrasting(random: np.random.Generator, colour: Colour) -> Colour:
    """Draw a colour for a pattern: of three draws, the one farthest from the ground colour."""
    tries = [_colour(random, TOP_COLOURS) for _ in range(3)]
    return max(tries, key=lambda other: float(np.abs(np.subtract(other, colour)).sum()))
