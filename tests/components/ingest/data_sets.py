"""Small data sets in the official layouts, of images that only differ in a colour."""

import io
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


def encoded(colour: int, suffix: str = ".jpg", size: tuple[int, int] = (8, 16)) -> bytes:
    """An image of one colour, width x height."""
    stream = io.BytesIO()
    Image.new("RGB", size, (colour % 256, 99, 180)).save(stream, "PNG" if suffix == ".png" else "JPEG")
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


def files_of(layout: str) -> dict[str, bytes]:
    """Every file of a small data set, by its path."""
    names = {"market1501": MARKET, "cuhk01": CUHK, "grid": GRID}[layout]
    files = {name: encoded(number * 7, name[-4:]) for number, name in enumerate(names)}
    if layout == "grid":
        folds = [(GRID_TRAIN, GRID_TEST), (GRID_TEST, GRID_TRAIN)]
        files["features_and_partitions.mat"] = partitions(folds, GRID_FIELDS)
    return files


def write(files: dict[str, bytes], folder: Path) -> Path:
    """Put the files below `folder`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
