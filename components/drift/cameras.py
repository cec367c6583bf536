"""The images of each camera in a manifest, and samples of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simpgan.components.core.data.cameras import in_order
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError

Rows = NDArray[np.int64]

UNKNOWN = "unknown camera"
BLOCKS = 10
"""Least number of blocks of a camera's images, if it has enough images: fewer cannot be told from chance."""


@dataclass(frozen=True, eq=False)
class Networks:
    """Images of every camera, by the camera's name; a camera without an image is left out.

    Attributes:
        reference: rising rows of the images before.
        new: rising rows of the images since.
    """

    reference: Mapping[str, Rows]
    new: Mapping[str, Rows]

    @classmethod
    def from_manifests(cls, reference: Manifest, new: Manifest) -> "Networks":
        """Group the images with a role by camera; of the new manifest, only images that the reference lacks.

        Raises:
            UserError: there is no new image, or data sets of different names have no camera in common.
        """
        known = set(reference.images["sha256"])
        rows = {
            "reference": with_role(reference),
            "new": np.array([row for row in with_role(new) if new.images["sha256"].iat[row] not in known], np.int64),
        }
        for side, manifest in (("reference", reference), ("new", new)):
            if not len(rows[side]):
                missing = "images" if side == "reference" or new.images.empty else "images that the reference lacks"
                raise UserError(
                    f"{manifest.dataset}, the {side} manifest, has no {missing}: there is nothing to compare"
                )
        networks = cls(by_camera(reference, rows["reference"]), by_camera(new, rows["new"]))
        if reference.dataset != new.dataset and not networks.reference.keys() & networks.new.keys():
            raise UserError(
                f"no camera has images in both {reference.dataset} ({few_names(networks.reference)}) and {new.dataset} "
                f"({few_names(networks.new)}): give manifests of one network of cameras"
            )
        return networks

    @property
    def names(self) -> list[str]:
        """All cameras, in the order of their numbers or names."""
        return sorted(self.reference.keys() | self.new.keys(), key=in_order)


def with_role(manifest: Manifest) -> Rows:
    """Return the rising rows of images that play a role in some protocol."""
    return np.unique(manifest.roles["image"].to_numpy())


def by_camera(manifest: Manifest, rows: Rows) -> dict[str, Rows]:
    """Group rows by camera: its name, or `camera` and its number."""
    names = manifest.shown("camera").iloc[rows]
    unnamed = manifest.images["camera_name"].iloc[rows] == ""
    names = names.mask(unnamed, "camera " + names).fillna(UNKNOWN)
    return {
        str(name): rows[places]
        for name, places in names.reset_index(drop=True).groupby(names.to_numpy()).indices.items()
    }


def few_names(cameras: Mapping[str, Rows], count: int = 4) -> str:
    """Return the first names of cameras, for messages."""
    names = sorted(cameras)
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def block_length(images: int, wanted: int) -> int:
    """Return the number of neighbouring images that stay together: `wanted`, or fewer to make `BLOCKS` blocks."""
    return max(1, min(wanted, images // BLOCKS))


def sample(rows: Rows, images: int, block: int, random: np.random.Generator) -> Rows:
    """Draw blocks of neighbouring rows, in rising order.

    Rows at the end that do not fill a block are not drawn.

    Args:
        rows: rising rows of a camera.
        images: about the number of rows to draw, at most all.
        block: rows per block.
        random: source of randomness.
    """
    blocks = rows[: len(rows) // block * block].reshape(-1, block)
    chosen = random.choice(len(blocks), min(len(blocks), max(1, images // block)), replace=False)
    return blocks[np.sort(chosen)].ravel()
