"""The cameras in a manifest."""

import pandas as pd
from numpy import int64
from numpy.typing import NDArray

from simpgan.components.core.data.manifest import Manifest


def have_names(manifest: Manifest) -> bool:
    """Tell whether all cameras have names, by which other data sets of the same cameras know them too.

    Camera 1 of another data set is another camera, and numbers change when cameras come and go.
    """
    images = manifest.images
    return bool((images["camera_name"] != "").all()) and len(images) > 0


def are_told_apart(images: pd.DataFrame) -> bool:
    """Tell whether the images are from several cameras, so that a ranking leaves out those by the probe's own camera.

    With one camera, or none that is known, it would leave out every correct match, or none.
    """
    return images["camera"].nunique() > 1


def compared_cameras(images: pd.DataFrame) -> "pd.Series[int]":
    """Return the cameras by which a ranking tells a probe's own images from others; all unknown if it does not."""
    unknown = pd.Series(pd.NA, index=images.index, dtype="Int64")
    return images["camera"] if are_told_apart(images) else unknown


def rows_by_camera(manifest: Manifest, rows: NDArray[int64]) -> dict[str, NDArray[int64]]:
    """Group some rows by camera, as `Manifest.shown` calls it, in the order of numbers or names.

    A camera of the manifest may have none of the rows; rows of unknown cameras are left out.
    """
    names = manifest.shown("camera")
    of_rows = names.to_numpy(dtype=object)[rows]
    return {camera: rows[of_rows == camera] for camera in sorted(names.dropna().unique(), key=in_order)}


def in_order(camera: str) -> tuple[int, str]:
    """Return the sort key of a camera's name: 2 before 10."""
    return len(camera), camera
