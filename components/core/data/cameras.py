"""The cameras in a manifest."""

from numpy import int64
from numpy.typing import NDArray

from simpgan.components.core.data.manifest import Manifest


def have_names(manifest: Manifest) -> bool:
    """Tell whether all cameras have names, by which other data sets of the same cameras know them too.

    Camera 1 of another data set is another camera, and numbers change when cameras come and go.
    """
    images = manifest.images
    return bool((images["camera_name"] != "").all()) and len(images) > 0


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
