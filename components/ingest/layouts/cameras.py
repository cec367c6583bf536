"""Unlabelled images of your own cameras, with one folder per camera."""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, role

NAME = re.compile(rf"[^/]+/.+{IMAGE}", re.DOTALL)


class Cameras(Layout):
    """`cameras`: every image is for training. The cameras are numbered from 1 in the order of their folders' names."""

    folders = ()
    names = "CAMERA/ANYTHING.jpg or .png"
    labelled = False
    source_protocol = "cameras"
    published: ClassVar[Mapping[tuple[str, str], tuple[int, int] | None]] = {("cameras", "train"): None}
    folds: ClassVar[Mapping[str, int]] = {"cameras": 1}

    def label(self, name: str) -> Label | None:
        """Return empty labels for images in a folder."""
        return Label(person=None, camera=None) if NAME.fullmatch(name) else None

    def completed(self, images: pd.DataFrame) -> pd.DataFrame:
        """Add the numbers of the cameras, in the order of their folders' names."""
        folders = images["name"].str.partition("/")[0] if len(images) else images["name"]
        return images.assign(camera=pd.array(1 + pd.factorize(folders, sort=True)[0], dtype="Int64"))

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give every image the role train."""
        return role("cameras", 0, "train", np.ones(len(images), dtype=bool))
