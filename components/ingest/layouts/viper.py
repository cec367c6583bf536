"""VIPeR: 632 people, an image in each of two cameras."""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import pandas as pd

from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, Published, matched_numbers, role
from simpgan.components.ingest.layouts.draws import halves

NAME = re.compile(rf"(?:cam_a|cam_b)/([0-9]{{3}})_[0-9]+{IMAGE}")
CAMERAS = {"cam_a": 1, "cam_b": 2}
DIRECTIONS = {"a2b": ("cam_a", "cam_b"), "b2a": ("cam_b", "cam_a")}
FOLDS, SEED = 10, 2007


class Viper(Layout):
    """VIPeR: `all`, every image, as a source; as a target ten halves of 316 people to train and 316 to test.

    In `folds10-a2b` the probes are the images of camera a, and the gallery is those of camera b; in `folds10-b2a` it is
    the other way round. The field draws ten such halves at random and shares no lists. The halves here are drawn by
    `draws.halves` with the seed 2007.

    Gray, Brennan and Tao, *Evaluating Appearance Models for Recognition, Reacquisition, and Tracking*, PETS 2007.
    https://vision.soe.ucsc.edu/node/178
    """

    folders = tuple(CAMERAS)
    names = "PPP_ANGLE.bmp"
    source_protocol = "all"
    published: ClassVar[Published] = {
        ("all", "train"): (1_264, 632),
        **{
            (f"folds10-{direction}", played): (count, 316)
            for direction in DIRECTIONS
            for played, count in (("train", 632), ("query", 316), ("gallery", 316))
        },
    }
    folds: ClassVar[Mapping[str, int]] = {"all": 1} | {f"folds10-{direction}": FOLDS for direction in DIRECTIONS}

    def label(self, name: str) -> Label | None:
        """Read person and camera from a name, whose second number is the angle of view."""
        match = NAME.fullmatch(name)
        if not match:
            return None
        (person,) = matched_numbers(match)
        return Label(person, CAMERAS[name.partition("/")[0]])

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles of `all` and of the ten halves in both directions."""
        camera = images["camera"]
        tables = [role("all", 0, "train", images["person"].notna())]
        for fold in range(FOLDS):
            train, test = halves(images["person"], SEED, fold)
            for direction, (probes, gallery) in DIRECTIONS.items():
                protocol = f"folds10-{direction}"
                tables += [
                    role(protocol, fold, "train", train),
                    role(protocol, fold, "query", test & (camera == CAMERAS[probes])),
                    role(protocol, fold, "gallery", test & (camera == CAMERAS[gallery])),
                ]
        return pd.concat(tables)
