"""Export a manifest, as recorded or translated, as a folder that Hugging Face datasets loads as an `imagefolder`.

The names of the folders `train` and `test` tell datasets the splits, wherever they stand in a path. Therefore files are
named by number: names of the manifest, such as bounding_box_test/..., could name another split.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from simpgan.components.core import storage
from simpgan.components.core.data.decoding import decode_image, is_plain
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images
from simpgan.components.core.process.progress import with_progress
from simpgan.pipelines.export.split import images_with_roles, people_in_training_and_test, refuse_filled, write_names

FOLDERS = {"train": ("train", ""), "query": ("test", "query/"), "gallery": ("test", "gallery/")}
"""Folder of a split, and folder of its images inside that, by role."""

UNKNOWN = -1
"""Stands for a missing number. datasets infers types from each metadata.csv alone, and gaps would make fractions."""

COLUMNS = ("file_name", "person", "camera", "time", "role", "protocol", "fold", "name")
SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"BM": ".bmp"}
"""Suffix of a file, by its first bytes."""


def export_imagefolder(manifest: Manifest, protocol: str, fold: int, data_root: str, out: Path) -> list[str]:
    """Write the images that have a role in that protocol and fold to `out`, which appears whole or not at all.

    Images are copied byte for byte. Those that a common decoder would not show as this software does (16 bits, or only
    turned upright by EXIF) are written as upright PNG of 8 bits. The folder of each split, `train` and `test`, has a
    metadata.csv with `COLUMNS`: `name` is that in the manifest, and -1 an unknown person, camera or time. `write_names`
    adds its files.

    Returns:
        Remarks about the folder, one sentence each.

    Raises:
        UserError: `out` is not empty, there is no such protocol or fold, or images are missing.
    """
    refuse_filled(out)
    images = images_with_roles(manifest, protocol, fold)
    encoded = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with storage.beside(out) as folder, ExitStack() as files:
        tables: dict[str, Any] = {}
        for each, content in zip(
            in_rows(images), read_images(data_root, manifest, images["row"].to_numpy()), strict=True
        ):
            split, below = FOLDERS[each.role]
            if split not in tables:
                (folder / split).mkdir(parents=True)
                file = files.enter_context((folder / split / "metadata.csv").open("w", encoding="utf-8", newline=""))
                tables[split] = csv.writer(file)
                tables[split].writerow(COLUMNS)
            plain = is_plain(content)
            encoded += not plain
            shown = content if plain else as_png(content)
            suffix = next(suffix for start, suffix in SUFFIXES.items() if shown.startswith(start))
            path = f"{below}{each.row:06}{suffix}"
            (folder / split / path).parent.mkdir(exist_ok=True)
            (folder / split / path).write_bytes(shown)
            numbers = [UNKNOWN if pd.isna(number) else number for number in (each.person, each.camera, each.time)]
            tables[split].writerow([path, *numbers, each.role, protocol, fold, each.image])
        write_names(manifest, images, folder)
    return notices(manifest, images, encoded)


def in_rows(images: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a table, with progress."""
    yield from with_progress(images.itertuples(index=False), "export", len(images), "image")


def as_png(content: bytes) -> bytes:
    """Encode an image as upright PNG of 8 bits per channel."""
    encoded = io.BytesIO()
    decode_image(content).save(encoded, "png", exif=b"")
    return encoded.getvalue()


def notices(manifest: Manifest, images: pd.DataFrame, encoded: int) -> list[str]:
    """Return remarks about the folder; `encoded` images were not copied as they are."""
    unlabelled = int(((images["role"] == "train") & images["person"].isna()).sum())
    in_both = people_in_training_and_test(images)
    left_out = len(manifest.images) - images["row"].nunique()
    sentences = {
        f"{encoded:,} images had 16 bits or were not upright: written as PNG": encoded,
        f"{left_out:,} images have no role there and are left out": left_out,
        f"{unlabelled:,} training images show unknown people, whose number is {UNKNOWN}": unlabelled,
        f"{in_both:,} people are in training and among the queries: no fair test of what was trained on this": in_both,
    }
    return [sentence for sentence, holds in sentences.items() if holds]
