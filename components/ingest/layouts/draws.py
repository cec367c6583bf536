"""Random splits of people that are the same on every machine, where the field agrees on numbers but not on lists."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def draw(*key: int) -> int:
    """Return a random 64-bit number that depends on `key` alone.

    numpy promises that it never changes, which it does not for the methods of a Generator.
    """
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


def halves(people: pd.Series, seed: int, fold: int) -> tuple[pd.Series, pd.Series]:
    """Return which images show a person to train on, and which a person to test, as two masks.

    Each person has a number of their own by `draw`, and the half with the lower ones is tested, the larger half if the
    number of people is odd. So a missing person changes the half of at most one other.

    Args:
        people: person of each image; <NA>: unknown, in neither half.
        seed: seed of the data set.
        fold: fold.
    """
    ordered = sorted({int(person) for person in people.dropna()}, key=lambda person: (draw(seed, fold, person), person))
    tested = people.isin(ordered[: (len(ordered) + 1) // 2])
    return people.notna() & ~tested, tested


def places(groups: pd.Series, numbers: pd.Series, key: Sequence[int]) -> pd.Series:
    """Return the place, from 1, of each image in a random order of its group.

    Args:
        groups: group of each image, a number.
        numbers: number of each image in its group, which nothing but the image's name determines.
        key: numbers that the order depends on, besides the group and the numbers of its images.
    """
    drawn = [draw(*key, int(group), int(number)) for group, number in zip(groups, numbers, strict=True)]
    return pd.Series(drawn, groups.index, dtype="uint64").groupby(groups).rank(method="first")
