"""A small data set whose counts are known by heart."""

from typing import Any

import pandas as pd

from simpgan.components.core.data.manifest import Manifest

PEOPLE = [1, 1, 1, 2, 2, 3, pd.NA, pd.NA]
CAMERAS = [1, 1, 2, 1, 10, 2, 2, pd.NA]
"""Person 1 is seen by cameras 1 and 2, person 2 by 1 and 10, person 3 by 2 alone."""


def data_set(changes: dict[str, Any] | None = None, **more: Any) -> Manifest:
    """Eight images, whose bytes are nowhere, with changed columns of images or other tables."""
    images = {
        "name": [f"{number}.jpg" for number in range(8)],
        "shard": "s",
        "position": range(8),
        "sha256": [f"{number:02}" for number in range(8)],
        "width": [10, 20, 30, 40, 50, 60, 70, 80],
        "height": 100,
        "person": PEOPLE,
        "camera": CAMERAS,
        "time": range(8),
    }
    given = {"roles": roles({0: ("query", [0, 5]), 1: ("query", [0, 5]), 2: ("query", [0])}), **more}
    return Manifest("station", pd.DataFrame(images | (changes or {})), **given)


def roles(of_folds: dict[int, tuple[str, list[int]]]) -> pd.DataFrame:
    """The roles of a protocol: a role and its images in each fold, and the gallery of images 2, 4 and 6."""
    rows = [(image, "p", fold, role) for fold, (role, images) in of_folds.items() for image in images]
    rows += [(image, "p", fold, "gallery") for fold in of_folds for image in (2, 4, 6)]
    return pd.DataFrame(rows, columns=["image", "protocol", "fold", "role"])
