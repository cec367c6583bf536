"""A data set in sentences, each without a full stop at the end."""

from pathlib import Path

import pandas as pd

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.translation_origin import FILE, read_origin


def headline(manifest: Manifest) -> str:
    """Count the images, people and cameras."""
    images = manifest.images
    if images.empty:
        return f"{manifest.dataset}: no images"
    people, cameras = images["person"].nunique(), images["camera"].nunique()
    return (
        f"{manifest.dataset}: {counted(len(images), 'image')} of "
        f"{counted(people, 'person', 'people') if people else 'unknown people'} by "
        f"{counted(cameras, 'camera') if cameras else 'unknown cameras'}"
    )


def counted(count: int, one: str, several: str = "") -> str:
    """Return a count with its noun, whose plural is `several` or ends with an s."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def sentences(manifest: Manifest, folder: Path) -> list[str]:
    """Say what is known of people and cameras, how large images are, and what is left out.

    Args:
        manifest: the data set.
        folder: its folder, which has the origin of a translation.

    Raises:
        UserError: the origin of a translation is damaged.
    """
    images = manifest.images
    if images.empty:
        return []
    found = [
        *origin(folder),
        *of_parts(manifest),
        *of_people(images),
        f"Images are {span(images['width'])} pixels wide and {span(images['height'])} high",
    ]
    for count, of_one, of_several in (
        (images["person"].isna().sum(), "shows an unknown person", "show unknown people"),
        (images["camera"].isna().sum(), "is by an unknown camera", "are by unknown cameras"),
        (
            len(images) - manifest.roles["image"].nunique(),
            "has no role in any protocol",
            "have no role in any protocol",
        ),
        (images["time"].isna().sum(), "has no time", "have no time"),
    ):
        if count:
            found.append(f"{counted(count, 'image')} {of_one if count == 1 else of_several}")
    return found


def origin(folder: Path) -> list[str]:
    """Say how the images of a translation were made; nothing for recorded ones."""
    if not (folder / FILE).is_file():
        return []
    made = read_origin(folder)
    training, (_, side) = made["settings"], made["direction"].split("-to-")
    split = f"{training['protocol']}:{training['fold']}"
    return [f"Translated into the {side}'s style by {training['method']}, trained in {split}, seed {training['seed']}"]


def of_parts(manifest: Manifest) -> list[str]:
    """Name the data sets that were joined to this one; nothing if there are none."""
    sizes = manifest.part_of_images.value_counts()
    joined = [f"{part} ({counted(int(sizes.get(part, 0)), 'image')})" for part in manifest.parts]
    return [f"Joined from {' and '.join(joined)}"] if joined else []


def of_people(images: pd.DataFrame) -> list[str]:
    """Say how many people several cameras have seen, and how often people are seen."""
    known = images.dropna(subset="person")
    if known.empty:
        return []
    several = int((known.groupby("person")["camera"].nunique() > 1).sum())
    people = known["person"].nunique()
    share = f"All {people:,}" if several == people else f"{several:,} of {people:,}"
    return [
        f"{share} people are seen by two cameras or more",
        f"A known person has {span(known.groupby('person').size())} images",
    ]


def span(values: "pd.Series[int]") -> str:
    """Return a value that all share, or the least, the greatest and the median."""
    if values.min() == values.max():
        return f"{values.min():,}"
    return f"{values.min():,} to {values.max():,} (median {values.median():,.0f})"
