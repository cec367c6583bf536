"""CUHK03: 1,467 people, each in one of five pairs of views; boxes drawn by hand or found by a detector."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.layouts.base import IMAGE, Label, Layout, Published, matched_numbers, role
from simpgan.components.ingest.layouts.draws import places
from simpgan.components.ingest.layouts.matlab import damaged, read_matlab

NAME = re.compile(rf"[^/]+/([1-5])_([0-9]{{3}})_([12])_[0-9]{{2}}{IMAGE}")
PEOPLE_OF_A_PAIR = 1_000
NEW = "new-protocol"
CLASSIC = {"classic-a2b": (1, 2), "classic-b2a": (2, 1)}
FOLDS, SEED = 20, 2014
VARIABLES = ("filelist", "train_idx", "query_idx", "gallery_idx")


class Cuhk03(Layout):
    """CUHK03 as images that `extract_cuhk03` or torchreid took out of the makers' cuhk-03.mat.

    `new-protocol` has 767 people to train and 700 to test, from cuhk03_new_protocol_config_*.mat or from
    splits_new_*.json, which torchreid makes of it. The `classic` protocols are the 20 splits that the makers drew, from
    splits_classic_*.json, which both make of cuhk-03.mat: 100 people are tested and all others train. As in the makers'
    evaluation the gallery is one image of each person in the other view, here drawn by `draws.places` with the seed
    2014.

    Person 12 of pair 3 is 3012, with the name 3_012. View 1 of pair 3 is camera 5, view 2 is camera 6.

    Li, Zhao, Xiao and Wang, *DeepReID: Deep Filter Pairing Neural Network for Person Re-identification*, CVPR 2014.
    http://www.ee.cuhk.edu.hk/~xgwang/CUHK_identification.html
    The new protocol: Zhong, Zheng, Cao and Li, *Re-ranking Person Re-identification with k-reciprocal Encoding*, CVPR
    2017. https://github.com/zhunzhong07/person-re-ranking (evaluation/data/CUHK03)
    """

    names = "C_PPP_V_NN.png"
    packed: ClassVar[Mapping[str, str]] = {
        "cuhk-03.mat": "take the images out of it by python -m simpgan.components.ingest.layouts.extract_cuhk03 "
        "cuhk-03.mat FOLDER"
    }
    source_protocol = NEW
    folds: ClassVar[Mapping[str, int]] = {NEW: 1} | dict.fromkeys(CLASSIC, FOLDS)

    def label(self, name: str) -> Label | None:
        """Read person and camera from a name."""
        match = NAME.fullmatch(name)
        if not match:
            return None
        pair, person, view = matched_numbers(match)
        return Label(PEOPLE_OF_A_PAIR * pair + person, 2 * (pair - 1) + view)

    def completed(self, images: pd.DataFrame) -> pd.DataFrame:
        """Add names of people and cameras: pair and person as the file's name has them, and pair and view."""
        parts = [stem_of(name).split("_") for name in images["name"]]
        return images.assign(
            person_name=[f"{pair}_{person}" for pair, person, *_ in parts],
            camera_name=[f"pair {pair}, view {view}" for pair, _, view, _ in parts],
        )

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles of the new protocol and, if their file is there, of the classic splits."""
        person = images["person"]
        view = 2 - images["camera"] % 2
        number = images["name"].str.rpartition(".")[0].str[-2:]
        stems = [stem_of(name) for name in images["name"]]

        def among(listed: set[str]) -> pd.Series:
            return pd.Series([stem in listed for stem in stems], images.index)

        new = new_split(self.files[0], read)
        tables = [role(NEW, 0, played, among(listed)) for played, listed in vars(new).items()]
        for fold, split in enumerate(classic_splits(self.extra_files["classic-a2b"], read)):
            train, test = among(split.train), person.isin(person[among(split.query)])
            place = places(10 * person[test] + view[test], number[test], (SEED, fold)).reindex(images.index)
            for protocol, (probes, gallery) in CLASSIC.items():
                tables += [
                    role(protocol, fold, "train", train),
                    role(protocol, fold, "query", test & (view == probes)),
                    role(protocol, fold, "gallery", test & (view == gallery) & (place == 1)),
                ]
        return pd.concat(tables)


def published_counts(train: int, gallery: int) -> Published:
    """Return the published counts, of which those of two roles differ between drawn and detected boxes."""
    return {
        (NEW, "train"): (train, 767),
        (NEW, "query"): (1_400, 700),
        (NEW, "gallery"): (gallery, 700),
        **{
            (protocol, played): counts
            for protocol in CLASSIC
            for played, counts in (("train", (None, 1_367)), ("query", (None, 100)), ("gallery", (100, 100)))
        },
    }


class Cuhk03Labelled(Cuhk03):
    """CUHK03 with boxes that people drew: 14,096 images."""

    folders = ("images_labeled",)
    files = (("cuhk03_new_protocol_config_labeled.mat", "splits_new_labeled.json"),)
    extra_files: ClassVar[Mapping[str, str]] = dict.fromkeys(CLASSIC, "splits_classic_labeled.json")
    published: ClassVar[Published] = published_counts(train=7_368, gallery=5_328)


class Cuhk03Detected(Cuhk03):
    """CUHK03 with boxes of a detector: 14,097 images."""

    folders = ("images_detected",)
    files = (("cuhk03_new_protocol_config_detected.mat", "splits_new_detected.json"),)
    extra_files: ClassVar[Mapping[str, str]] = dict.fromkeys(CLASSIC, "splits_classic_detected.json")
    published: ClassVar[Published] = published_counts(train=7_365, gallery=5_332)


@dataclass(frozen=True)
class Split:
    """Names of images by role, without folder and suffix."""

    train: set[str]
    query: set[str]
    gallery: set[str]


def new_split(files: tuple[str, ...], read: Callable[[str], bytes]) -> Split:
    """Return the split of the new protocol from the first of `files` that is there: a .mat and a .json file."""
    matlab, listed = files
    content = read(matlab)
    if not content:
        return splits_of_json(listed, read(listed))[0]
    found = read_matlab(matlab, content, VARIABLES)
    try:
        names = [stem_of(cell.item()) for cell in found["filelist"].ravel()]
        return Split(*({names[row - 1] for row in found[index].ravel()} for index in VARIABLES[1:]))
    except Exception as damage:  # the arrays of another file fail in many ways
        raise damaged(matlab, VARIABLES) from damage


def classic_splits(file: str, read: Callable[[str], bytes]) -> list[Split]:
    """Return the classic splits; none if there is no file of them."""
    content = read(file)
    return splits_of_json(file, content) if content else []


def splits_of_json(file: str, content: bytes) -> list[Split]:
    """Return the splits in a file: a list of objects, each with lists of [path, person, camera] by role.

    Raises:
        UserError: it is damaged.
    """
    try:
        splits: list[Any] = json.loads(content)
        found = [
            Split(*({stem_of(path) for path, *_ in split[played]} for played in ("train", "query", "gallery")))
            for split in splits
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as damage:
        raise UserError(f"{file} is damaged: it is no list of splits; make it again") from damage
    if not found:
        raise UserError(f"{file} is damaged: it has no split; make it again")
    return found


def stem_of(path: str) -> str:
    r"""Return the name in a path, with `/` or `\` between folders, without its suffix."""
    return path.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
