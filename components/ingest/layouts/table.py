"""A table of your own labelled crops: a CSV, Parquet or JSON Lines file with a row an image."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core.data.cameras import compared_cameras
from simpgan.components.ingest.layouts.base import Label, Layout, Published

SEED = "split 0"
"""Seed of the drawn split."""

Mask = NDArray[np.bool_]


class Table(Layout):
    """`all`: every image of a known person, as a source. `split`: half of the people train, the others are tested.

    These are the protocols of a table without roles. The split is drawn by the people's ids and the images' names, so
    neither the order of rows nor the machine changes it. In a table with roles the protocols are those of the table.
    """

    folders = ()
    names = "a .csv, .tsv, .jsonl or .parquet file"
    place = "table"
    source_protocol = "all"
    published: ClassVar[Published] = {
        ("all", "train"): None,
        ("split", "train"): None,
        ("split", "query"): None,
        ("split", "gallery"): None,
    }
    folds: ClassVar[Mapping[str, int]] = {"all": 1, "split": 1}

    def label(self, name: str) -> Label | None:
        """Return no labels: a table has them, not the names of files."""
        return Label(person=None, camera=None)

    def data_set_name(self, location: str) -> str:
        """Return the name of the table's file without its suffix."""
        return PurePosixPath(location).stem or self.name

    def roles(self, images: pd.DataFrame, read: Callable[[str], bytes]) -> pd.DataFrame:
        """Give the roles of `all` and of the drawn split; without a single known person every image is for training."""
        known = images["person"].notna()
        if not known.any():
            return roles_table([("all", 0, "train", np.ones(len(images), dtype=bool))])
        tested = drawn_people(images)
        probes, gallery = drawn_probes(images, images["person"].isin(tested).to_numpy(dtype=bool))
        return roles_table(
            [
                ("all", 0, "train", known.to_numpy()),
                ("split", 0, "train", ~gallery),
                ("split", 0, "query", probes),
                ("split", 0, "gallery", gallery),
            ]
        )


def roles_table(uses: Sequence[tuple[str, int, str, Mask]]) -> pd.DataFrame:
    """Return the roles of some (protocol, fold, role, mask of images) in small columns."""
    images = [np.flatnonzero(mask).astype(np.int32) for *_, mask in uses]
    sizes = [len(some) for some in images]

    def repeated(words: Sequence[str]) -> pd.Categorical:
        known = sorted(set(words))
        return pd.Categorical.from_codes(np.repeat([known.index(word) for word in words], sizes), known)

    return pd.DataFrame(
        {
            "image": np.concatenate(images),
            "protocol": repeated([protocol for protocol, *_ in uses]),
            "fold": np.repeat(np.array([fold for _, fold, *_ in uses], dtype=np.int32), sizes),
            "role": repeated([role for _, _, role, _ in uses]),
        }
    )


def drawn_people(images: pd.DataFrame) -> list[int]:
    """Draw half of the people, rounded up, for the test.

    Half of those who can be found, since several cameras saw them, and half of the others. So a data set in which few
    can be found has probes too. Where cameras are not told apart, people with several images can be found.

    Args:
        images: images of the manifest.
    """
    people = images[["person", "person_name"]].dropna(subset="person").drop_duplicates("person")
    people = people.assign(shown=shown(people), findable=people["person"].isin(findable_people(images)))
    people = people.assign(place=[hashed(text) for text in people["shown"]]).sort_values(["place", "shown"])
    halves = [some["person"].iloc[len(some) // 2 :] for _, some in people.groupby("findable")]
    return [int(person) for half in halves for person in half]


def drawn_probes(images: pd.DataFrame, tested: Mask) -> tuple[Mask, Mask]:
    """Divide test images into probes and gallery: both as masks of all images.

    One image of each person and camera is drawn as a probe, of people who can be found among the test images; where
    cameras are not told apart, one of each person. The gallery has all test images, since a probe never finds itself.

    Args:
        images: images of the manifest.
        tested: [N], the test images.
    """
    camera = compared_cameras(images)[tested]
    of_test = images.loc[tested, ["person", "name"]]
    found = of_test["person"].isin(findable_people(of_test, camera))
    probes = of_test[found].assign(camera=camera[found])
    # Images are sorted by name, and a stable sort keeps this order where places are equal.
    places = np.fromiter((hashed(name) for name in probes.pop("name")), dtype="S32", count=len(probes))
    probes = probes.iloc[np.argsort(places, kind="stable")]
    drawn = np.zeros(len(images), dtype=bool)
    drawn[images.index.get_indexer(probes.drop_duplicates(["person", "camera"]).index)] = True
    return drawn, tested


def findable_people(images: pd.DataFrame, camera: "pd.Series[int] | None" = None) -> NDArray[np.int64]:
    """Return the people with images by different cameras; an image of unknown camera counts as one of another camera.

    Args:
        images: images of the manifest.
        camera: cameras that are told apart; None: those of the images.
    """
    seen = images[["person"]].assign(camera=compared_cameras(images) if camera is None else camera)
    seen = seen.dropna(subset="person")
    by_person = seen.groupby("person")["camera"]
    cameras = by_person.nunique() + by_person.size() - by_person.count()
    return cameras.index[cameras > 1].to_numpy(dtype=np.int64)


def shown(images: pd.DataFrame) -> "pd.Series[str]":
    """Return the person of each image: the name, else the number in digits."""
    names = images["person_name"].astype("str")
    return names.where(names != "", images["person"].astype("str"))


def hashed(text: str) -> bytes:
    """Return a place in a random order that is the same everywhere."""
    return hashlib.sha256(f"{SEED} {text}".encode("utf-8", "surrogateescape")).digest()
