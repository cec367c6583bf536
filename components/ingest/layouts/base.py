"""The interface of a layout."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

IMAGE = r"\.(?i:jpg|jpeg|jpe|jfif|png|bmp)"
"""Suffix of an image's name, for the patterns of layouts."""
LARGEST = 2**63 - 1

Published = Mapping[tuple[str, str], tuple[int | None, int] | None]
"""By (protocol, role), the number of images and of people; None: any number."""


class TooLarge(ValueError):
    """A number in a name does not fit into the manifest's 64 bits."""

    def __init__(self, digits: str) -> None:
        super().__init__(f"a number in its name is above {LARGEST}: {digits[:40]}")


def matched_numbers(match: re.Match[str]) -> tuple[int, ...]:
    """Return the groups of a match of decimal digits as numbers.

    Raises:
        TooLarge: one of them is above 2^63 - 1.
    """
    for digits in match.groups():
        # Python refuses to parse thousands of digits.
        if len(digits.lstrip("0")) > len(str(LARGEST)) or int(digits) > LARGEST:
            raise TooLarge(digits)
    return tuple(map(int, match.groups()))


@dataclass(frozen=True)
class Label:
    """Labels in a file's name; None if the name does not contain them.

    Attributes:
        person: identity.
        camera: camera.
        time: frame number or seconds.
    """

    person: int | None
    camera: int | None
    time: int | None = None


class Layout(ABC):
    """Folders, names and protocols of a data set.

    Args:
        name: name of the layout, and of its data set in results.
    """

    folders: ClassVar[tuple[str, ...]]
    """Folders of images below the data set's own, which must all exist. Empty: all files belong to the data set."""
    files: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Other files that `roles` reads: of each tuple, one must exist."""
    extra_files: ClassVar[Mapping[str, str]] = {}
    """Files that some protocols need, by protocol: without its file there is no such protocol."""
    packed: ClassVar[Mapping[str, str]] = {}
    """Files in which the makers pack their images, by name; and how to take them out, as an imperative."""
    names: ClassVar[str]
    """Form of a file's name, for messages."""
    place: ClassVar[str] = "folder or archive"
    """What holds the data set, for messages."""
    labelled: ClassVar[bool] = True
    """Whether names contain the person."""
    source_protocol: ClassVar[str]
    """Protocol whose train role, at fold 0, trains a classifier."""
    published: ClassVar[Published]
    """Published counts in every fold, by protocol and role."""

    folds: ClassVar[Mapping[str, int]]
    """Number of folds of each protocol."""

    def __init__(self, name: str) -> None:
        self.name = name

    def data_set_name(self, location: str) -> str:
        """Return the name in results of the data set at a location that was given none."""
        return self.name

    @abstractmethod
    def label(self, name: str) -> Label | None:
        """Return the labels in a file's name (with its folder), or None if it does not have the layout's form.

        Raises:
            TooLarge: a number in it is above 2^63 - 1.
        """

    def completed(self, images: pd.DataFrame) -> pd.DataFrame:
        """Return the manifest's images with labels that depend on all names together, if the layout has such."""
        return images

    @abstractmethod
    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Return the roles of the manifest.

        Args:
            images: images of the manifest.
            read: returns the content of one of `files` or `extra_files`, empty if it does not exist.

        Raises:
            UserError: one of `files` is damaged.
        """


def role(protocol: str, fold: int, role: str, rows: np.ndarray | pd.Series) -> pd.DataFrame:
    """Return rows of the roles table for the images that a boolean mask picks."""
    image = np.flatnonzero(rows)
    return pd.DataFrame({"image": image, "protocol": protocol, "fold": fold, "role": role})
