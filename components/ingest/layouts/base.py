"""What a layout of a data set has to say."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

IMAGE = r"\.(?i:jpg|jpeg|jpe|jfif|png)"
"""The end of an image's name, for the patterns of layouts."""
LARGEST = 2**63 - 1


class TooLarge(ValueError):
    """A number in a name does not fit into the manifest's 64 bits."""

    def __init__(self, digits: str) -> None:
        super().__init__(f"a number in its name is above {LARGEST}: {digits[:40]}")


def matched_numbers(match: re.Match[str]) -> tuple[int, ...]:
    """The groups of a match of decimal digits as numbers.

    Raises:
        TooLarge: one of them is above 2^63 - 1.
    """
    for digits in match.groups():
        # Python refuses to read thousands of digits.
        if len(digits.lstrip("0")) > len(str(LARGEST)) or int(digits) > LARGEST:
            raise TooLarge(digits)
    return tuple(map(int, match.groups()))


@dataclass(frozen=True)
class Label:
    """What a file's name tells: person, camera, and time (frame number or seconds); None where it does not."""

    person: int | None
    camera: int | None
    time: int | None = None


class Layout(ABC):
    """One way to lay out a data set: its folders, its names, and its protocols."""

    name: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]
    """Folders of images, relative to the data set's own; all must be there. None: all files are the data set's."""
    files: ClassVar[tuple[str, ...]] = ()
    """Other files that must be there."""
    names: ClassVar[str]
    """The form of a file's name, for people."""
    labelled: ClassVar[bool] = True
    """Whether names tell people."""
    source_protocol: ClassVar[str]
    """The protocol whose train role, at fold 0, trains a classifier."""
    published: ClassVar[Mapping[tuple[str, str], tuple[int, int] | None]]
    """(protocol, role) to the (images, people) that it has in every fold, as published; None: as many as there are."""

    folds: ClassVar[Mapping[str, int]]
    """How many folds each protocol has."""

    @abstractmethod
    def label(self, name: str) -> Label | None:
        """What a file's name (with its folder) tells, or None if it does not have the layout's form.

        Raises:
            TooLarge: a number in it is above 2^63 - 1.
        """

    def completed(self, images: pd.DataFrame) -> pd.DataFrame:
        """The images of the manifest with what only all their names together tell, if the layout has such."""
        return images

    @abstractmethod
    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """The roles of the manifest, given its images and a function that reads one of `files`.

        Raises:
            UserError: one of `files` is damaged.
        """


def role(protocol: str, fold: int, role: str, rows: np.ndarray | pd.Series) -> pd.DataFrame:
    """Rows of the roles table for the images that a boolean mask picks."""
    image = np.flatnonzero(rows)
    return pd.DataFrame({"image": image, "protocol": protocol, "fold": fold, "role": role})
