"""Small data sets in the official layouts, of images that only differ in a colour."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

MARKET = (
    "bounding_box_train/0002_c1s1_000451_03.jpg",
    "bounding_box_train/0002_c3s2_000500_01.jpg.jpg",
    "bounding_box_train/0007_c2s1_000010_00.jpg",
    "query/0001_c1s1_001051_00.jpg",
    "bounding_box_test/0001_c2s1_000301_00.jpg",
    "bounding_box_test/0001_c1s1_001052_00.jpg",
    "bounding_box_test/0000_c6s3_094992_01.jpg",
    "bounding_box_test/-1_c4s6_022316_11.jpg",
)
CUHK = tuple(f"campus/{person:04}00{shot}.png" for person in range(1, 9) for shot in range(1, 5))
GRID_TRAIN, GRID_TEST = [1, 3], [2, 4]
GRID = (
    *(f"probe/000{person}_1_2500{person}_10_10_50_90.jpeg" for person in range(1, 5)),
    *(f"gallery/000{person}_2_2600{person}_10_10_50_90.jpeg" for person in range(1, 5)),
    "gallery/0000_3_27001_10_10_50_90.jpeg",
    "gallery/0000_3_27002_10_10_50_90.jpeg",
)
DUKE = (
    "bounding_box_train/0001_c2_f0046182.jpg",
    "bounding_box_train/0001_c5_f0051341.jpg",
    "bounding_box_train/0007_c1_f0000123.jpg",
    "query/0005_c2_f0046985.jpg",
    "bounding_box_test/0005_c3_f0061234.jpg",
    "bounding_box_test/0005_c2_f0047105.jpg",
    "bounding_box_test/7017_c8_f0000456.jpg",
)
MSMT = {
    "list_train.txt": ("0000/0000_000_01_0303morning_0015_0.jpg", "0000/0000_001_07_0303noon_0100_1.jpg"),
    "list_val.txt": ("0001/0001_000_02_0113afternoon_0200_0.jpg",),
    "list_query.txt": ("0000/0000_003_03_0302morning_0007_0.jpg",),
    "list_gallery.txt": ("0000/0000_004_04_0302noon_0008_2.jpg", "0001/0001_000_15_0114noon_0009_0.jpg"),
}
"""Paths in the lists of MSMT17: the first two are below the folder of training images."""
CUHK03_NP = (
    *(
        f"bounding_box_train/000{person}_c{camera}_{number}.png"
        for person, camera, number in ((1, 1, 1), (1, 2, 6), (3, 1, 21))
    ),
    *(f"query/0002_c{camera}_{number}.png" for camera, number in ((1, 11), (2, 16))),
    *(f"bounding_box_test/0002_c{camera}_{number}.png" for camera, number in ((1, 12), (2, 17))),
)
CUHK03 = tuple(
    f"{person}_{view}_{5 * view - 5 + shot:02}.png"
    for person in ("1_001", "1_002", "1_003", "3_012", "5_049")
    for view in (1, 2)
    for shot in (1, 2)
)
CUHK03_TRAIN, CUHK03_QUERY, CUHK03_GALLERY = CUHK03[:12], CUHK03[12::2], CUHK03[13::2]
VIPER = tuple(
    f"cam_{camera}/{person:03}_{angle}.bmp" for camera, angle in (("a", 0), ("b", 90)) for person in (0, 1, 5, 872, 873)
)
PRID = (
    *(f"single_shot/cam_{camera}/person_{person:04}.png" for camera in "ab" for person in (1, 2, 3, 200)),
    "single_shot/cam_a/person_0201.png",
    *(f"single_shot/cam_b/person_{person:04}.png" for person in (201, 749)),
)
ILIDS = tuple(f"Persons/{person:04}{number:03}.jpg" for person in range(1, 6) for number in range(1, person + 2))


def encoded(colour: int, suffix: str = ".jpg", size: tuple[int, int] = (8, 16)) -> bytes:
    """An image of one colour, width x height."""
    stream = io.BytesIO()
    kind = {".png": "PNG", ".bmp": "BMP"}.get(suffix, "JPEG")
    Image.new("RGB", size, (colour % 256, 99, 180)).save(stream, kind)
    return stream.getvalue()


def partitions(folds: list[tuple[list[int], list[int]]], fields: tuple[str, str, str]) -> bytes:
    """GRID's features_and_partitions.mat with (train, test) ids; `fields` are the names in its structs."""

    def cells(side: int) -> np.ndarray:
        column = np.empty((1, len(folds)), dtype=object)
        for fold, ids in enumerate(folds):
            column[0, fold] = dict(zip(fields, ([0], [0], ids[side]), strict=True))
        return column

    stream = io.BytesIO()
    savemat(stream, {"trainIdxAll": cells(0), "testIdxAll": cells(1)})
    return stream.getvalue()


GRID_FIELDS = ("probeImIdx", "galleryImIdx", "personIdx")


def msmt_names(train: str, test: str) -> tuple[str, ...]:
    """Paths of MSMT17's images below the folders of training and test images."""
    folders = {"list_train.txt": train, "list_val.txt": train, "list_query.txt": test, "list_gallery.txt": test}
    return tuple(f"{folder}/{path}" for file, folder in folders.items() for path in MSMT[file])


def msmt_lists() -> dict[str, bytes]:
    """MSMT17's lists, a line each of path and person."""
    return {file: "".join(f"{path} {int(path[:4])}\n" for path in paths).encode() for file, paths in MSMT.items()}


def cuhk03_new_protocol() -> bytes:
    """CUHK03's cuhk03_new_protocol_config_*.mat, whose numbers of images count from 1."""

    def rows(names: tuple[str, ...]) -> np.ndarray:
        return np.array([[1 + CUHK03.index(name)] for name in names], dtype=np.uint16)

    files = np.empty((len(CUHK03), 1), dtype=object)
    files[:, 0] = CUHK03
    indices = {"train_idx": rows(CUHK03_TRAIN), "query_idx": rows(CUHK03_QUERY), "gallery_idx": rows(CUHK03_GALLERY)}
    stream = io.BytesIO()
    savemat(stream, {"filelist": files, **indices})
    return stream.getvalue()


def cuhk03_splits(splits: list[tuple[tuple[str, ...], ...]], folder: str = "/home/me/images_detected") -> bytes:
    """Splits of CUHK03 as torchreid writes them: rows of path, person and camera by role."""
    roles = ("train", "query", "gallery")
    rows = [
        {role: [[f"{folder}/{name}", 0, 1] for name in names] for role, names in zip(roles, split, strict=True)}
        for split in splits
    ]
    return json.dumps(rows).encode()


GRID_FOLDS = [(GRID_TRAIN, GRID_TEST), (GRID_TEST, GRID_TRAIN)]
NAMES = {
    "market1501": MARKET,
    "dukemtmcreid": DUKE,
    "occluded-duke": DUKE,
    "msmt17": msmt_names("train", "test"),
    "msmt17-v2": msmt_names("mask_train_v2", "mask_test_v2"),
    "cuhk01": CUHK,
    "cuhk03-labelled": tuple(f"images_labeled/{name}" for name in CUHK03),
    "cuhk03-detected": tuple(f"images_detected/{name}" for name in CUHK03),
    "cuhk03-np-labelled": tuple(f"labeled/{name}" for name in CUHK03_NP),
    "cuhk03-np-detected": tuple(f"detected/{name}" for name in CUHK03_NP),
    "grid": GRID,
    "viper": VIPER,
    "prid2011": PRID,
    "ilids": ILIDS,
}
"""Paths of the images of a small data set, by layout."""
LISTS = {
    "msmt17": msmt_lists(),
    "msmt17-v2": msmt_lists(),
    "cuhk03-labelled": {"cuhk03_new_protocol_config_labeled.mat": cuhk03_new_protocol()},
    "cuhk03-detected": {"splits_new_detected.json": cuhk03_splits([(CUHK03_TRAIN, CUHK03_QUERY, CUHK03_GALLERY)])},
    "grid": {"features_and_partitions.mat": partitions(GRID_FOLDS, GRID_FIELDS)},
}
"""Other files that a layout needs, with their bytes."""


def files_of(layout: str) -> dict[str, bytes]:
    """Every file of a small data set, by its path."""
    images = {name: encoded(number * 7, name[-4:]) for number, name in enumerate(NAMES[layout])}
    return images | LISTS.get(layout, {})


def write(files: dict[str, bytes], folder: Path) -> Path:
    """Put the files below `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
