"""What others leave beside images is no part of a data set, and what a person may call a camera is."""

import re
from pathlib import Path

import pytest

from simpgan import components
from simpgan.components.core.leftovers import LEFTOVERS, is_hidden


@pytest.mark.parametrize(
    "path",
    [
        "cam1/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg",
        "#recycle/cam1/1.jpg",
        "#snapshot/GMT+01-2026.11.26/cam1/0.jpg",
        "$RECYCLE.BIN/S-1-5-21/$R1.jpg",
        "$Recycle.Bin/S-1-5-21/$R1.jpg",
        "System Volume Information/1.jpg",
        "FOUND.000/FILE0000.JPG",
        "cam1/Thumbs.db",
        "cam1/THUMBS.DB",
        "cam1/Thumbs.db:encryptable",
        "cam1/Thumbs.db\uf022encryptable",
        "cam1/0.jpg:Zone.Identifier",
        "cam1/ehthumbs.db",
        "cam1/ehthumbs_vista.db",
        "cam1/desktop.ini",
        "cam1/Icon\r",
        "cam1/.DS_Store",
        "cam1/._0.jpg",
        "cam1/:2e_0.jpg",
        "__MACOSX/cam1/._0.jpg",
        "Network Trash Folder/0.jpg",
        "Temporary Items/0.jpg",
        "cam1/.@__thumb/s1000.jpg",
        "@Recycle/cam1/0.jpg",
        "@Recently-Snapshot/daily/cam1/0.jpg",
        "lost+found/0.jpg",
        ".Trash-1000/files/0.jpg",
        ".AppleDouble/0.jpg",
        ".thumbnails/0.jpg",
        ".snapshot/hourly.0/cam1/0.jpg",
        "~snapshot/hourly.0/cam1/0.jpg",
        "@GMT-2026.11.26-00.00.00/cam1/0.jpg",
        "trashbox/cam1/0.jpg",
        "Recycle Bin - Volume_1/0.jpg",
        "DCIM/CANONMSC/M0100.CTG",
        "cam1/0.xmp",
    ],
)
def test_leftovers_are_hidden_and_so_is_what_lies_in_them(path: str):
    assert is_hidden(path)


@pytest.mark.parametrize(
    "path",
    [
        "cam1/0.jpg",
        "./cam4/0.jpg",
        "a/../b.jpg",
        "@entrance/0.jpg",
        "#1/0.jpg",
        "recycling/0.jpg",
        "snapshot/0.jpg",
        "@Snapshot/0.jpg",
        "Icon/0.jpg",
        "my Thumbs.db.jpg",
        "DCIM/100CANON/IMG_0001.JPG",
        "lost+found office/0.jpg",
        "~cam/0.jpg",
        "thumbs/0.jpg",
    ],
)
def test_what_may_be_somebodys_camera_is_not(path: str):
    assert not is_hidden(path)


def test_the_list_for_people_is_that_of_the_code():
    text = Path(components.__path__[0], "ingest/README.md").read_text(encoding="utf-8")
    listed = {
        maker.strip(): re.findall(r"`(.+?)`", names)
        for maker, names in re.findall(r"^\| (.+?) \| (`.*) \|$", text, re.M)
    }
    assert {maker: listed.get(maker) for maker in LEFTOVERS} == {
        maker: [pattern.encode("unicode_escape").decode() for pattern in patterns]
        for maker, patterns in LEFTOVERS.items()
    }
