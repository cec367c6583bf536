"""PRID 2011, single shot: 200 people in both of two cameras, and others whom one camera saw."""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import pandas as pd

from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, Published, matched_numbers, role
from simpgan.components.ingest.layouts.draws import halves

NAME = re.compile(rf"single_shot/(?:cam_a|cam_b)/person_([0-9]{{4}}){IMAGE}")
IN_BOTH = 200
"""The people up to this number were seen by both cameras; with higher ones, each camera counts people of its own."""
CAMERAS = {"a": 1, "b": 2}
IMAGES = {"a": 385, "b": 749}
FOLDS, SEED = 10, 2011


class Prid2011(Layout):
    """PRID 2011, single shot: an image of each person in each camera; the folder `multi_shot` is ignored.

    `all200-a2b` is the makers' evaluation: each of the 200 people in camera a is searched among all 749 images of
    camera b. Its train role has those people too. In `folds10-a2b` 100 people are for training, the other 100 are
    searched among the 649 remaining images of camera b. `b2a` is the other direction. The people of one camera alone
    are distractors, each unknown. The field draws the ten halves at random and shares no lists. The halves here are
    drawn by `draws.halves` with the seed 2011.

    Hirzer, Beleznai, Roth and Bischof, *Person Re-Identification by Descriptive and Discriminative Classification*,
    SCIA 2011. https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/PRID11/
    """

    folders = ("single_shot/cam_a", "single_shot/cam_b")
    names = "person_PPPP.png"
    source_protocol = "all200-a2b"
    published: ClassVar[Published] = {
        (f"{tested}-{probes}2{gallery}", played): (count, people)
        for probes, gallery in ("ab", "ba")
        for tested, people in (("all200", 200), ("folds10", 100))
        for played, count in (
            ("train", 2 * people),
            ("query", people),
            ("gallery", IMAGES[gallery] - IN_BOTH + people),
        )
    }
    folds: ClassVar[Mapping[str, int]] = {
        f"{tested}-{direction}": folds
        for direction in ("a2b", "b2a")
        for tested, folds in (("all200", 1), ("folds10", FOLDS))
    }

    def label(self, name: str) -> Label | None:
        """Read person and camera from a name; people of one camera alone are unknown."""
        match = NAME.fullmatch(name)
        if not match:
            return None
        (person,) = matched_numbers(match)
        return Label(person if person <= IN_BOTH else None, CAMERAS[name.partition("/cam_")[2][0]])

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles of all people, and of the ten halves, in both directions."""
        camera, known = images["camera"], images["person"].notna()
        splits = [("all200", 0, known, known)]
        splits += [("folds10", fold, *halves(images["person"], SEED, fold)) for fold in range(FOLDS)]
        tables = []
        for tested, fold, train, test in splits:
            for probes, gallery in ("ab", "ba"):
                protocol = f"{tested}-{probes}2{gallery}"
                tables += [
                    role(protocol, fold, "train", train),
                    role(protocol, fold, "query", test & (camera == CAMERAS[probes])),
                    role(protocol, fold, "gallery", (test | ~known) & (camera == CAMERAS[gallery])),
                ]
        return pd.concat(tables)
