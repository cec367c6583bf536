"""CUHK01: 971 people, two images in each of two views."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import pandas as pd

from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, Published, matched_numbers, role

NAME = re.compile(rf"campus/([0-9]{{4}})00([1-4]){IMAGE}")
VIEW_A, VIEW_B = 1, 2
DIRECTIONS = {"a2b": (VIEW_A, VIEW_B), "b2a": (VIEW_B, VIEW_A)}
SPLITS = Path(__file__).with_name("cuhk01_splits.csv")


class Cuhk01(Layout):
    """`all`: every image, as a source. As a target there are ten splits of 485 train and 486 test people.

    In both directions, both images of a test person in one view are queries. The gallery is both images of the other
    view (`multi-shot-*`), or the one that the split has drawn (`single-shot-*`).

    Li, Zhao and Wang, *Human Reidentification with Transferred Metric Learning*, ACCV 2012.
    http://www.ee.cuhk.edu.hk/~xgwang/CUHK_identification.html
    """

    folders = ("campus",)
    names = "PPPP00K.png with K from 1 to 4"
    source_protocol = "all"
    published: ClassVar[Published] = {
        ("all", "train"): (3_884, 971),
        **{
            (f"{shots}-shot-{direction}", played): (count, people)
            for shots, gallery in (("single", 486), ("multi", 972))
            for direction in DIRECTIONS
            for played, count, people in (("train", 1_940, 485), ("query", 972, 486), ("gallery", gallery, 486))
        },
    }
    folds: ClassVar[Mapping[str, int]] = {"all": 1} | {
        f"{shots}-shot-{direction}": 10 for shots in ("single", "multi") for direction in DIRECTIONS
    }

    def label(self, name: str) -> Label | None:
        """Read person and shot from a name; shots 1 and 2 are view A."""
        match = NAME.fullmatch(name)
        if not match:
            return None
        person, shot = matched_numbers(match)
        return Label(person, VIEW_A if shot <= 2 else VIEW_B)

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles of `all` and of the ten splits in both directions."""
        person, camera = images["person"], images["camera"]
        shot = images["name"].str.rpartition(".")[0].str[-1]
        tables = [role("all", 0, "train", person.notna())]
        for fold, split in pd.read_csv(SPLITS, index_col="person").items():
            shots = person.map(split)
            trained = shots == "train"
            tested = shots.notna() & ~trained
            drawn = pd.Series([one in two for one, two in zip(shot, shots.fillna(""), strict=True)], images.index)
            for direction, (queried, searched) in DIRECTIONS.items():
                gallery = tested & (camera == searched)
                for protocol, chosen in (
                    (f"multi-shot-{direction}", gallery),
                    (f"single-shot-{direction}", gallery & drawn),
                ):
                    tables += [
                        role(protocol, int(str(fold)), "train", trained),
                        role(protocol, int(str(fold)), "query", tested & (camera == queried)),
                        role(protocol, int(str(fold)), "gallery", chosen),
                    ]
        return pd.concat(tables)
