"""Market-1501 (Zheng et al., ICCV 2015): six cameras, detected boxes, distractors and junk."""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import pandas as pd

from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, matched_numbers, role

NAME = re.compile(
    rf"(?:bounding_box_train|bounding_box_test|query)/(-1|[0-9]+)_c([0-9]+)s[0-9]+_([0-9]+)_[0-9]+(?:{IMAGE})+"
)
JUNK, DISTRACTOR = -1, 0


class Market1501(Layout):
    """Junk boxes (`-1_*`) are among the images but have no role; distractors (`0000_*`) are gallery images only."""

    folders = ("bounding_box_train", "query", "bounding_box_test")
    names = "PPPP_cCsS_FFFFFF_BB.jpg"
    source_protocol = "standard"
    published: ClassVar[Mapping[tuple[str, str], tuple[int, int] | None]] = {
        ("standard", "train"): (12_936, 751),
        ("standard", "query"): (3_368, 750),
        ("standard", "gallery"): (15_913, 750),
    }
    folds: ClassVar[Mapping[str, int]] = {"standard": 1}

    def label(self, name: str) -> Label | None:
        """Read person, camera and frame from a name; junk and distractors show no known person."""
        match = NAME.fullmatch(name)
        if not match:
            return None
        person, camera, frame = matched_numbers(match)
        return Label(None if person in (JUNK, DISTRACTOR) else person, camera, frame)

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles of `standard`."""
        names = images["name"]
        known = images["person"].notna()
        gallery = names.str.startswith("bounding_box_test/") & ~names.str.contains("/-1_", regex=False)
        return pd.concat(
            [
                role("standard", 0, "train", names.str.startswith("bounding_box_train/") & known),
                role("standard", 0, "query", names.str.startswith("query/") & known),
                role("standard", 0, "gallery", gallery),
            ]
        )
