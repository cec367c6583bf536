"""Unlabelled images of your own cameras, with one folder per camera."""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, Published, role

NAME = re.compile(rf"[^/]+/.+{IMAGE}", re.DOTALL)


class Cameras(Layout):
    """`cameras`: every image is for training. A camera has its folder's name; numbers follow the order of the names."""

    folders = ()
    names = "CAMERA/ANYTHING.jpg, .png or .bmp"
    labelled = False
    source_protocol = "cameras"
    published: ClassVar[Published] = {("cameras", "train"): None}
    folds: ClassVar[Mapping[str, int]] = {"cameras": 1}

    def label(self, name: str) -> Label | None:
        """Return empty labels for images in a folder."""
        return Label(person=None, camera=None) if NAME.fullmatch(name) else None

    def completed(self, images: pd.DataFrame) -> pd.DataFrame:
        """Add names and numbers of the cameras: their folders' names, and their places in the order of these."""
        folders = images["name"].str.partition("/")[0] if len(images) else images["name"]
        codes = pd.array(1 + pd.factorize(folders, sort=True)[0], dtype="Int64")
        return images.assign(camera=codes, camera_name=folders)

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give every image the role train."""
        return role("cameras", 0, "train", np.ones(len(images), dtype=bool))
