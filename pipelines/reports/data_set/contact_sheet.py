"""Images of a data set to look at: people as their cameras see them, and the images of each camera."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core.data.cameras import in_order
from simpgan.components.core.data.decoded_images import read_decoded_images
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.results.pages.pictures import picture_uri
from simpgan.pipelines.reports.data_set.words import counted

PEOPLE, CAMERAS, CROPS = 10, 16, 10
"""Largest number of people, of cameras, and of crops of each."""


@dataclass(frozen=True)
class Strip:
    """Crops that belong together.

    Attributes:
        title: what they have in common.
        rows: their rows in the manifest.
        captions: what each of them shows.
    """

    title: str
    rows: list[int]
    captions: list[str]


def people_strips(manifest: Manifest, random: np.random.Generator) -> list[Strip]:
    """Draw people whom several cameras see, or else people with several images; an image by each of their cameras."""
    images = manifest.images[["person", "camera"]].dropna(subset="person")
    seen = images.groupby("person")["camera"].agg(["nunique", "size"])
    several = seen.index[seen["nunique"] > 1]
    people = drawn(several if len(several) else seen.index[seen["size"] > 1], PEOPLE, random)
    strips = []
    for person in people:
        of_person = images[images["person"] == person]
        shuffled = of_person.iloc[random.permutation(len(of_person))]
        if shuffled["camera"].notna().any():
            shuffled = shuffled.dropna(subset="camera").drop_duplicates("camera")
        rows = [int(row) for row in shuffled.index[:CROPS]]
        rows.sort(key=lambda row: in_order(label_of(manifest, "camera", row)))
        title = f"{label_of(manifest, 'person', rows[0])}: {counted(len(of_person), 'image')}"
        strips.append(Strip(title, rows, [label_of(manifest, "camera", row) for row in rows]))
    return strips


def camera_strips(manifest: Manifest, random: np.random.Generator) -> list[Strip]:
    """Draw cameras, and images of each; those of unknown cameras count as of one."""
    camera = manifest.images["camera"].fillna(-1).to_numpy(np.int64)
    strips = []
    for number in drawn(np.unique(camera), CAMERAS, random):
        of_camera = np.flatnonzero(camera == number)
        rows = [int(row) for row in drawn(of_camera, CROPS, random)]
        title = f"{label_of(manifest, 'camera', rows[0])}: {counted(len(of_camera), 'image')}"
        strips.append(Strip(title, rows, [label_of(manifest, "person", row) for row in rows]))
    return sorted(strips, key=lambda strip: in_order(strip.title.rpartition(":")[0]))


def drawn(values: pd.Index | NDArray[np.int64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw up to `count` of the values, in rising order."""
    return np.sort(random.choice(np.asarray(values, np.int64), min(count, len(values)), replace=False))


def label_of(manifest: Manifest, label: str, row: int) -> str:
    """Return the `person` or `camera` of an image: its name, or the word and its number."""
    image = manifest.images.iloc[row]
    if pd.isna(image[label]):
        return f"unknown {label}"
    return image[f"{label}_name"] or f"{label} {image[label]}"


def with_pictures(
    manifest: Manifest, strips: Iterable[Strip], data_root: str
) -> Iterator[tuple[Strip, list[tuple[str, str, str]]]]:
    """Yield each strip with its crops: caption, name of the image, and a small picture as a data URI.

    Raises:
        UserError: shards are missing or damaged.
    """
    for strip in strips:
        pictures = map(picture_uri, read_decoded_images(data_root, manifest, np.array(strip.rows)))
        names = manifest.images["name"].iloc[strip.rows]
        yield strip, list(zip(strip.captions, names, pictures, strict=True))
