"""Market-1501: six cameras, detected boxes, distractors and junk; and the three folders that others have from it."""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import pandas as pd

from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, Published, matched_numbers, role

JUNK, DISTRACTOR = -1, 0


class MarketFolders(Layout):
    """A folder each for training images, probes and gallery, and one protocol without folds.

    Junk (`-1_*`) is among the images but has no role; distractors (`0000_*`) are gallery images only.
    """

    folders = ("bounding_box_train", "query", "bounding_box_test")
    source_protocol = "standard"
    folds: ClassVar[Mapping[str, int]] = {"standard": 1}
    pattern: ClassVar[re.Pattern[str]]
    """Form of a file's name without its folder, with a group each for person, camera and, if there is one, frame."""

    def label(self, name: str) -> Label | None:
        """Read person, camera and frame from a name; junk and distractors show no known person."""
        folder, _, file = name.rpartition("/")
        match = self.pattern.fullmatch(file)
        if not match or folder not in self.folders:
            return None
        person, *others = matched_numbers(match)
        return Label(None if person in (JUNK, DISTRACTOR) else person, *others)

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles of the protocol."""
        names, known = images["name"], images["person"].notna()
        train, query, gallery = (names.str.startswith(f"{folder}/") for folder in self.folders)
        junk = names.str.contains("/-1_", regex=False)
        return pd.concat(
            [
                role(self.source_protocol, 0, "train", train & known),
                role(self.source_protocol, 0, "query", query & known),
                role(self.source_protocol, 0, "gallery", gallery & ~junk),
            ]
        )


class Market1501(MarketFolders):
    """Market-1501: 1,501 people, boxes of a detector, and drawn ones as probes.

    Zheng, Shen, Tian, Wang, Wang and Tian, *Scalable Person Re-identification: A Benchmark*, ICCV 2015.
    https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html
    """

    names = "PPPP_cCsS_FFFFFF_BB.jpg"
    pattern = re.compile(rf"(-1|[0-9]+)_c([0-9]+)s[0-9]+_([0-9]+)_[0-9]+(?:{IMAGE})+")
    published: ClassVar[Published] = {
        ("standard", "train"): (12_936, 751),
        ("standard", "query"): (3_368, 750),
        ("standard", "gallery"): (15_913, 750),
    }
