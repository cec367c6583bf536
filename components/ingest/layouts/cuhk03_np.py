"""CUHK03-NP: CUHK03 in the folders of Market-1501, with the roles of its new protocol."""

import re
from collections.abc import Mapping
from typing import ClassVar

from simpgan.components.ingest.layouts.base import IMAGE, Published
from simpgan.components.ingest.layouts.market1501 import MarketFolders

NEW = "new-protocol"


class Cuhk03NpLabelled(MarketFolders):
    """CUHK03-NP with boxes that people drew. All first views are camera 1, all second views camera 2.

    Zhong, Zheng, Cao and Li, *Re-ranking Person Re-identification with k-reciprocal Encoding*, CVPR 2017.
    https://github.com/zhunzhong07/person-re-ranking/tree/master/CUHK03-NP
    """

    folders = ("labeled/bounding_box_train", "labeled/query", "labeled/bounding_box_test")
    names = "PPPP_cC_N.png"
    pattern = re.compile(rf"([0-9]{{4}})_c([12])_[^/]*{IMAGE}")
    source_protocol = NEW
    folds: ClassVar[Mapping[str, int]] = {NEW: 1}
    published: ClassVar[Published] = {
        (NEW, "train"): (7_368, 767),
        (NEW, "query"): (1_400, 700),
        (NEW, "gallery"): (5_328, 700),
    }


class Cuhk03NpDetected(Cuhk03NpLabelled):
    """CUHK03-NP with boxes of a detector."""

    folders = ("detected/bounding_box_train", "detected/query", "detected/bounding_box_test")
    published: ClassVar[Published] = {
        (NEW, "train"): (7_365, 767),
        (NEW, "query"): (1_400, 700),
        (NEW, "gallery"): (5_332, 700),
    }
