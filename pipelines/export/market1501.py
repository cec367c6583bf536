r"""Export a manifest, as recorded or translated, as a folder in Market-1501's official layout.

torchreid and fastreid load such a folder as their data set Market-1501. Their requirements are checked here, since
they would only stop at an assertion: person and camera are the first match of the pattern `([-\d]+)_c(\d)` in an
image's whole path, people are numbered up to 1501, cameras up to 6.
"""

import io
import re
from pathlib import Path

import pandas as pd

from simpgan.components.core import storage
from simpgan.components.core.data.decoding import decode_image, is_plain
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.progress import with_progress
from simpgan.pipelines.export.split import images_with_roles, people_in_training_and_test, refuse_filled, write_names

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
LAST_PERSON, LAST_CAMERA = 1501, 6
PERSON_AND_CAMERA = re.compile(r"[-\d]+_c\d")
DISTRACTOR, JUNK = 0, -1
JPEG = b"\xff\xd8\xff"
JPEG_QUALITY = 95


def export_market1501(manifest: Manifest, protocol: str, fold: int, data_root: str, out: Path) -> list[str]:
    """Write the images that have a role in that protocol and fold to `out`, which appears whole or not at all.

    JPEG images are copied byte for byte. All others, and those that only their EXIF Orientation turns upright, which
    the loaders ignore, are encoded as upright JPEG, quality 95 without chroma subsampling. Beside the three folders,
    names.csv gives the image of the manifest (`image`) for each file (`file`), and `write_names` adds its files.

    Returns:
        Remarks about the folder, one sentence each.

    Raises:
        UserError: `out` is not empty, or the loaders would stop at such a folder.
    """
    refuse_folder(out)
    images = images_with_roles(manifest, protocol, fold)
    refuse_labels(images, manifest.dataset)
    images["file"] = file_names(images)
    encoded = turned = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with storage.beside(out) as folder:
        for name in FOLDERS.values():
            (folder / name).mkdir(parents=True)
        contents = read_images(data_root, manifest, images["row"].to_numpy())
        for file, content in zip(with_progress(images["file"], "export", len(images), "image"), contents, strict=True):
            recorded_as_jpeg = content.startswith(JPEG)
            lying = recorded_as_jpeg and not is_plain(content)
            encoded, turned = encoded + (not recorded_as_jpeg), turned + lying
            (folder / file).write_bytes(as_jpeg(content) if lying or not recorded_as_jpeg else content)
        images[["file", "image"]].to_csv(folder / "names.csv", index=False)
        write_names(manifest, images, folder)
    return notices(images, encoded, turned)


def refuse_folder(out: Path) -> None:
    """Raise UserError if `out` is not empty, or if loaders would read a person in its path."""
    refuse_filled(out)
    misread = PERSON_AND_CAMERA.search(str(out.resolve()))
    if misread:
        raise UserError(
            f"--out {out.resolve()}: loaders of Market-1501 would take '{misread[0]}' in this path for every image's "
            "person and camera: choose another folder"
        )


def refuse_labels(images: pd.DataFrame, dataset: str) -> None:
    """Raise UserError for an image whose person or camera the loaders would stop at."""
    person, camera = images["person"], images["camera"]
    for wrong, reason in (
        (person.lt(1) | person.gt(LAST_PERSON), f"its person is not numbered 1 to {LAST_PERSON}"),
        (camera.isna(), "its camera is not known"),
        (camera.lt(1) | camera.gt(LAST_CAMERA), f"its camera is not numbered 1 to {LAST_CAMERA}"),
    ):
        unfit = images.loc[wrong.fillna(False).astype(bool), "image"]
        if len(unfit):
            raise UserError(
                f"{dataset} does not fit into the layout market1501: {unfit.iloc[0]} and {len(unfit) - 1:,} more: "
                f"{reason}, where loaders stop: number them so and ingest again"
            )


def file_names(images: pd.DataFrame) -> list[str]:
    """Name the file of each row by its path in the folder: PPPP_cCsS_FFFFFF_BB.jpg, with sequence S always 1.

    The frame is the manifest's time, 0 if there is none, and the box counts images of one person, camera and frame. An
    unknown person is a distractor (0000) in the gallery. Elsewhere it is junk (-1), which loaders skip: as 0000 all of
    them would be learned as one person.
    """
    labels = images.assign(time=images["time"].fillna(0))
    box = labels.groupby(["role", "person", "camera", "time"], dropna=False).cumcount()
    names = []
    for role, person, camera, time, number in zip(
        labels["role"], labels["person"], labels["camera"], labels["time"], box, strict=True
    ):
        unknown = "0000" if role == "gallery" else "-1"
        who = unknown if pd.isna(person) else f"{person:04}"
        names.append(f"{FOLDERS[role]}/{who}_c{camera}s1_{time:06}_{number:02}.jpg")
    return names


def as_jpeg(content: bytes) -> bytes:
    """Encode an image as upright JPEG of high quality."""
    encoded = io.BytesIO()
    decode_image(content).save(encoded, "jpeg", exif=b"", quality=JPEG_QUALITY, subsampling=0)
    return encoded.getvalue()


def notices(images: pd.DataFrame, encoded: int, turned: int) -> list[str]:
    """Return remarks about the folder; `encoded` images were no JPEG, `turned` ones were JPEG but not upright."""
    people = {role: set(images.loc[images["role"] == role, "person"].dropna()) for role in FOLDERS}
    in_both = people_in_training_and_test(images)
    unlabelled = int(((images["role"] == "train") & images["person"].isna()).sum())
    missing = [FOLDERS[role] for role, known in people.items() if not known]
    sentences = {
        f"{encoded:,} images were no JPEG: encoded with quality {JPEG_QUALITY}, without chroma subsampling": encoded,
        f"{turned:,} images were not upright: turned, and encoded with quality {JPEG_QUALITY}": turned,
        f"{unlabelled:,} training images of unknown people are named -1_*: loaders pass over them": unlabelled,
        f"{in_both:,} people are in training and among the queries: no fair test of what was trained on this": in_both,
        f"no person in {', '.join(missing)}: torchreid needs all three folders, fastreid those it uses": missing,
    }
    return [sentence for sentence, holds in sentences.items() if holds]
