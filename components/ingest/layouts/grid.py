"""GRID, underground re-identification: 250 pairs and 775 distractors."""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, Published, matched_numbers, role
from simpgan.components.ingest.layouts.matlab import damaged, read_matlab

NAME = re.compile(rf"(?:probe|gallery)/([0-9]{{4}})_([0-9]+)_([0-9]+)(?:_[0-9]+)*{IMAGE}")
PARTITIONS = "features_and_partitions.mat"
VARIABLES = ("trainIdxAll", "testIdxAll")


class Grid(Layout):
    """GRID: `folds10`, the ten published splits, and `all250`, every probe against the whole gallery, as in the paper.

    Loy, Xiang and Gong, *Multi-camera Activity Correlation Analysis*, CVPR 2009.
    http://personal.ie.cuhk.edu.hk/~ccloy/downloads_qmul_underground_reid.html
    """

    folders = ("probe", "gallery")
    files = ((PARTITIONS,),)
    names = "PPPP_C_FFFFF_X_Y_W_H.jpeg"
    source_protocol = "all250"
    published: ClassVar[Published] = {
        ("folds10", "train"): (250, 125),
        ("folds10", "query"): (125, 125),
        ("folds10", "gallery"): (900, 125),
        ("all250", "train"): (500, 250),
        ("all250", "query"): (250, 250),
        ("all250", "gallery"): (1_025, 250),
    }
    folds: ClassVar[Mapping[str, int]] = {"folds10": 10, "all250": 1}

    def label(self, name: str) -> Label | None:
        """Read person, camera and frame from a name; person 0 is a distractor."""
        match = NAME.fullmatch(name)
        if not match:
            return None
        person, camera, frame = matched_numbers(match)
        return Label(person or None, camera, frame)

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles of `all250` and of the published folds."""
        person = images["person"]
        known, distractor = person.notna(), person.isna()
        probe = images["name"].str.startswith("probe/")
        gallery = ~probe
        tables = [
            role("all250", 0, "train", known),
            role("all250", 0, "query", probe & known),
            role("all250", 0, "gallery", gallery),
        ]
        for fold, (train, test) in enumerate(read_partitions(read(PARTITIONS))):
            tested = person.isin(test)
            tables += [
                role("folds10", fold, "train", person.isin(train)),
                role("folds10", fold, "query", probe & tested),
                role("folds10", fold, "gallery", gallery & (tested | distractor)),
            ]
        return pd.concat(tables)


def read_partitions(content: bytes) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the (train, test) person ids of each fold from the bytes of features_and_partitions.mat.

    Raises:
        UserError: it is damaged or of a format that is not read, or train and test share people.
    """
    found = read_matlab(PARTITIONS, content, VARIABLES)
    try:
        train, test = ([_person_ids(cell) for cell in found[name].ravel()] for name in VARIABLES)
    except Exception as damage:  # the arrays and structs of another file fail in many ways
        raise damaged(PARTITIONS, VARIABLES) from damage
    folds = list(zip(train, test, strict=False))
    if not folds or len(train) != len(test):
        raise UserError(f"{PARTITIONS} is damaged: {len(train)} train and {len(test)} test splits")
    for fold, (trained, tested) in enumerate(folds):
        if np.intersect1d(trained, tested).size:
            raise UserError(f"{PARTITIONS} is damaged: fold {fold} has the same people in train and test")
    return folds


def _person_ids(cell: Any) -> np.ndarray:
    """Return the ids of one fold's struct: its field `personIdx`, which is the third if it has no name.

    Raises:
        ValueError: they are not whole numbers.
    """
    fields = cell.dtype.names
    ids = np.asarray(cell["personIdx" if "personIdx" in fields else fields[2]][0, 0]).ravel()
    with np.errstate(invalid="ignore"):
        whole = ids.astype(np.int64)
    if not np.array_equal(whole, ids):
        raise ValueError("no whole numbers")
    return whole
