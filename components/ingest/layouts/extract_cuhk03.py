"""Take images and test sets out of CUHK03's cuhk-03.mat, a file of MATLAB 7.3 (HDF5).

    python -m simpgan.components.ingest.layouts.extract_cuhk03 cuhk03_release/cuhk-03.mat cuhk03

This writes images_labeled/, images_detected/, splits_classic_labeled.json and splits_classic_detected.json into the
second folder, with the names that torchreid gives them, and needs `pip install h5py`. Ingest itself does without HDF5:
the images are taken out once, and are then files like those of any other data set.
"""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.progress import Progress

KINDS = ("labeled", "detected")
SHOTS_OF_A_VIEW = 5
PEOPLE = 1_467


def extract(matlab: Path, out: Path) -> None:
    """Write images and classic splits of both kinds of boxes into the folder `out`.

    Raises:
        UserError: h5py is not installed, or the file is not CUHK03's.
    """
    try:
        import h5py
    except ImportError:
        raise UserError(f"reading {matlab} needs h5py: pip install h5py") from None
    try:
        with h5py.File(matlab, "r") as file:
            tested = [{(int(pair), int(person)) for pair, person in file[each][()].T} for each in file["testsets"][0]]
            for kind in KINDS:
                write_kind(file, kind, tested, out)
    except (OSError, KeyError, ValueError, TypeError) as damage:
        raise UserError(f"{matlab} is damaged, or not CUHK03's cuhk-03.mat: {damage}") from damage


def write_kind(file: Any, kind: str, tested: list[set[tuple[int, int]]], out: Path) -> None:
    """Write the images of one kind of boxes as PNG, which loses nothing, and their classic splits.

    Args:
        file: the open HDF5 file.
        kind: labeled or detected.
        tested: (pair, person) of those who are tested, by fold.
        out: folder to write.
    """
    rows: dict[tuple[int, int], list[tuple[str, int, int]]] = {}
    with Progress(f"images_{kind}", PEOPLE, "person") as progress:
        for pair, person, cells in people(file, kind):
            rows[pair, person] = []
            for shot, image in cells:
                view = 1 + (shot - 1) // SHOTS_OF_A_VIEW
                name = f"{pair}_{person:03}_{view}_{shot:02}.png"
                encoded = io.BytesIO()
                Image.fromarray(image).save(encoded, "png")
                storage.write_bytes(str(out / f"images_{kind}" / name), encoded.getvalue())
                rows[pair, person].append((name, person, view - 1))
            progress.update()
    splits = []
    for fold in tested:
        test = [row for who, images in rows.items() if who in fold for row in images]
        train = [row for who, images in rows.items() if who not in fold for row in images]
        splits.append({"train": train, "query": test, "gallery": test})
    storage.write_bytes(str(out / f"splits_classic_{kind}.json"), json.dumps(splits).encode())


def people(file: Any, kind: str) -> Iterator[tuple[int, int, list[tuple[int, Any]]]]:
    """Yield pair, person, and that person's images [H, W, 3] uint8 with their numbers from 1.

    MATLAB's cells [people, shots] are references in HDF5, whose axes are in reverse order; an empty cell is no image.
    """
    for pair, of_pair in enumerate(file[kind][0], 1):
        cells = file[of_pair][()]
        for person in range(cells.shape[1]):
            found = ((shot, file[reference][()]) for shot, reference in enumerate(cells[:, person], 1))
            yield pair, person + 1, [(shot, image.T) for shot, image in found if image.ndim == 3]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("give two arguments, CUHK-03.MAT and FOLDER")
    try:
        extract(Path(sys.argv[1]), Path(sys.argv[2]))
    except UserError as error:
        sys.exit(str(error))
