"""Occluded-DukeMTMC: the images of DukeMTMC-reID in other roles, so that every probe shows an occluded person."""

from typing import ClassVar

from simpgan.components.ingest.layouts.base import Published
from simpgan.components.ingest.layouts.dukemtmcreid import DukeMtmcReid


class OccludedDuke(DukeMtmcReid):
    """Occluded-DukeMTMC, as its makers' script arranges the files of DukeMTMC-reID.

    Miao, Wu, Liu, Ding and Yang, *Pose-Guided Feature Alignment for Occluded Person Re-Identification*, ICCV 2019.
    https://github.com/lightas/Occluded-DukeMTMC-Dataset
    """

    published: ClassVar[Published] = {
        ("standard", "train"): (15_618, 702),
        ("standard", "query"): (2_210, 519),
        ("standard", "gallery"): (17_661, 1_110),
    }
