"""Names of the cameras in a manifest."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core.data.manifest import Manifest


def has_folders(manifest: Manifest) -> bool:
    """Tell whether every camera has a folder of its own, whose name stays when cameras come and go."""
    pairs = manifest.images.assign(folder=manifest.images["name"].str.partition("/")[0])[["folder", "camera"]]
    pairs = pairs.drop_duplicates()
    return bool(pairs.notna().all(axis=None) and pairs["folder"].is_unique and pairs["camera"].is_unique)


def camera_names(manifest: Manifest, *, by_folder: bool) -> "pd.Series[str]":
    """Return the camera of each image: the name of its folder, or its number in digits; <NA> if it is unknown."""
    images = manifest.images
    return images["name"].str.partition("/")[0].astype("string") if by_folder else images["camera"].astype("string")


def rows_by_camera(manifest: Manifest, rows: NDArray[np.int64], *, by_folder: bool) -> dict[str, NDArray[np.int64]]:
    """Group some rows by camera, in the order of numbers or names.

    A camera of the manifest may have none of the rows; rows of unknown cameras are left out.
    """
    names = camera_names(manifest, by_folder=by_folder)
    of_rows = names.to_numpy(dtype=object, na_value="")[rows]
    return {camera: rows[of_rows == camera] for camera in sorted(names.dropna().unique(), key=in_order)}


def in_order(camera: str) -> tuple[int, str]:
    """Return the sort key of a camera's name: 2 before 10."""
    return len(camera), camera
