"""What a layout of a data set has to say."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd


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
    source_protocol: ClassVar[str]
    """The protocol whose train role, at fold 0, trains a classifier."""
    published: ClassVar[Mapping[tuple[str, str], tuple[int, int] | None]]
    """(protocol, role) to the (images, people) that it has in every fold, as published; None: as many as there are."""

    folds: ClassVar[Mapping[str, int]]
    """How many folds each protocol has."""

    @abstractmethod
    def label(self, name: str) -> Label | None:
        """What a file's name (with its folder) tells, or None if it does not have the layout's form."""

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
