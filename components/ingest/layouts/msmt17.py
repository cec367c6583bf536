"""MSMT17: fifteen cameras over four days, roles by the makers' lists; V2 is V1 with masked faces."""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import pandas as pd

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, Published, matched_numbers, role

NAME = re.compile(rf"[^/]+/([0-9]{{4}})/\1_[0-9]+_([0-9]+)_[^/]*{IMAGE}")
LINE = re.compile(r"(\S+) [0-9]+")
TRAIN, VALIDATION, QUERY, GALLERY = (f"list_{part}.txt" for part in ("train", "val", "query", "gallery"))
FIRST_TEST_PERSON = 10_000


class Msmt17(Layout):
    """MSMT17 V1: 4,101 people, 126,441 boxes of a detector.

    `standard` trains on both lists of training images, as in the makers' paper. As a source there are also `list-train`
    (list_train.txt alone, as torchreid and fastreid train) and `all` (every image). The makers count the people of
    `train` and of `test` from 0000 each; here person 0023 of `test` is 10023, with the name test/0023.

    Wei, Zhang, Gao and Tian, *Person Transfer GAN to Bridge Domain Gap for Person Re-Identification*, CVPR 2018.
    http://www.pkuvmc.com/publications/msmt17.html
    """

    folders = ("train", "test")
    files = ((TRAIN,), (VALIDATION,), (QUERY,), (GALLERY,))
    names = "PPPP/PPPP_NNN_CC_MMDDTIME_FFFF_B.jpg"
    source_protocol = "standard"
    published: ClassVar[Published] = {
        ("standard", "train"): (32_621, 1_041),
        ("standard", "query"): (11_659, 3_060),
        ("standard", "gallery"): (82_161, 3_060),
        ("list-train", "train"): (30_248, 1_041),
        ("all", "train"): (126_441, 4_101),
    }
    folds: ClassVar[Mapping[str, int]] = {"standard": 1, "list-train": 1, "all": 1}

    def label(self, name: str) -> Label | None:
        """Read person and camera from a name."""
        match = NAME.fullmatch(name)
        if not match:
            return None
        person, camera = matched_numbers(match)
        return Label(person + FIRST_TEST_PERSON * name.startswith(f"{self.folders[1]}/"), camera)

    def completed(self, images: pd.DataFrame) -> pd.DataFrame:
        """Add the makers' names of people: folder and number, such as test/0023."""
        return images.assign(person_name=images["name"].str.replace(r"/[^/]*$", "", regex=True))

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles by the makers' lists; an image that none of them names has a role in `all` alone."""
        train_folder, test_folder = self.folders

        def listed(file: str, folder: str) -> pd.Series:
            return images["name"].isin(listed_names(file, read(file), folder))

        train = listed(TRAIN, train_folder)
        return pd.concat(
            [
                role("standard", 0, "train", train | listed(VALIDATION, train_folder)),
                role("standard", 0, "query", listed(QUERY, test_folder)),
                role("standard", 0, "gallery", listed(GALLERY, test_folder)),
                role("list-train", 0, "train", train),
                role("all", 0, "train", images["person"].notna()),
            ]
        )


class Msmt17V2(Msmt17):
    """MSMT17 V2: the images of V1 with masked faces, in folders of other names."""

    folders = ("mask_train_v2", "mask_test_v2")


def listed_names(file: str, content: bytes, folder: str) -> list[str]:
    """Return the images of `folder` that a list names: a line each of path and person.

    Raises:
        UserError: a line has another form.
    """
    names = []
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        match = LINE.fullmatch(line.strip())
        if not match:
            raise UserError(f"{file} is damaged: line {number} is not PATH PERSON: take it from the data set again")
        names.append(f"{folder}/{match[1]}")
    return names
