"""QMUL i-LIDS: 119 people in an airport, about four images each, of cameras that are not told."""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import pandas as pd

from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, Published, matched_numbers, role
from simpgan.components.ingest.layouts.draws import halves, places

NAME = re.compile(rf"Persons/([0-9]{{4}})([0-9]{{3}}){IMAGE}")
FOLDS, SEED = 10, 2009


class Ilids(Layout):
    """QMUL i-LIDS: `all`, every image, as a source; as a target `folds10`, ten halves of 59 and 60 people.

    Each of the 60 people to test has one probe and one gallery image. The field draws people and images at random and
    shares no lists. Here they are drawn by
    `draws.halves` and `draws.places` with the seed 2009. The cameras are not told, so no image is ignored for
    being of the probe's camera.

    Zheng, Gong and Xiang, *Associating Groups of People*, BMVC 2009.
    http://www.eecs.qmul.ac.uk/~jason/data/i-LIDS_Pedestrian.tgz
    """

    folders = ("Persons",)
    names = "PPPPNNN.jpg"
    source_protocol = "all"
    published: ClassVar[Published] = {
        ("all", "train"): (476, 119),
        ("folds10", "train"): (None, 59),
        ("folds10", "query"): (60, 60),
        ("folds10", "gallery"): (60, 60),
    }
    folds: ClassVar[Mapping[str, int]] = {"all": 1, "folds10": FOLDS}

    def label(self, name: str) -> Label | None:
        """Read the person from a name, whose last three digits count the person's images."""
        match = NAME.fullmatch(name)
        return Label(matched_numbers(match)[0], camera=None) if match else None

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles of `all` and of the ten halves."""
        person = images["person"]
        number = images["name"].str.rpartition(".")[0].str[-3:].astype("int64")
        tables = [role("all", 0, "train", person.notna())]
        for fold in range(FOLDS):
            train, test = halves(person, SEED, fold)
            place = places(person, number, (SEED, fold))
            tables += [
                role("folds10", fold, "train", train),
                role("folds10", fold, "query", test & (place == 1)),
                role("folds10", fold, "gallery", test & (place == 2)),
            ]
        return pd.concat(tables)
