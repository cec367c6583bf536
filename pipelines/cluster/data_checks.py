"""Data that a cluster reads: whether it is there, and what lies there now."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.pipelines.requests.data_sets import DataSet

NOTHING = hashlib.sha256().hexdigest()  # what storage.fingerprint says of a prefix without objects
LOOKED_AT_EVERY_TIME = "looked at every time"


@dataclass(frozen=True)
class ClusterDataSet(DataSet):
    """A data set that the cluster reads, with the fingerprint of what lies there."""

    fingerprint: str = ""

    def as_arguments(self, role: str) -> dict[str, str]:
        """The arguments of a pipeline that say where its source or target is, and what lies there now."""
        return {
            f"{role}_name": self.name,
            f"{role}_layout": self.layout,
            f"{role}_location": self.location,
            f"{role}_fingerprint": self.fingerprint,
        }


def cluster_data_set(text: str, option: str, name: str = "", *, scheduled: bool = False) -> ClusterDataSet:
    """`market1501:s3://bucket/prefix`, or a full path on the cluster's own volumes.

    What a path holds is looked at where it exists on this machine too; where it does not, nothing is taken from the
    cache for it. A schedule reads what will lie there later: its fingerprint says nothing.

    Raises:
        UserError: no or an unknown layout, a path of this machine only, or an empty or missing prefix.
    """
    layout, colon, location = text.partition(":")
    seen_from_here = not colon or location.startswith((storage.S3, "//"))
    named = DataSet.parse(text if seen_from_here else f"{layout}:/", option, name)
    if in_store(location, option):
        fingerprint = storage.fingerprint(location)
        if fingerprint == NOTHING:
            raise UserError(f"{option}: nothing lies under {location}: correct the bucket or the prefix")
    else:
        here = Path(location).exists()
        fingerprint = storage.fingerprint(location) if here else f"not seen, {datetime.now(UTC).isoformat()}"
    return ClusterDataSet(named.layout, location, named.name, LOOKED_AT_EVERY_TIME if scheduled else fingerprint)


def check_data_root(data_root: str) -> None:
    """Raise UserError unless the cluster can write there, as far as can be seen from here."""
    if in_store(data_root, "--data-root"):
        storage.check_writable(data_root)


def check_images(location: str) -> None:
    """Raise UserError unless the cluster can look for camera images there; a prefix may be empty, its bucket exists."""
    if in_store(location, "LOCATION"):
        storage.list_files(location)


def check_weights(weights: str) -> None:
    """Raise UserError for a weights file that the cluster will not find."""
    if weights in ("imagenet", "none"):
        return
    if in_store(weights, "pretrain.weights") and not storage.exists(weights):
        raise UserError(f"pretrain.weights: no such file '{weights}': give a .safetensors file, imagenet or none")


def check_parameter(name: str, location: str) -> None:
    """Raise UserError for an `s3://` parameter of any pipeline behind which nothing lies; a data root may be new.

    A parameter that is a place by its name has no other scheme.
    """
    if not location.startswith(storage.S3):
        if name.endswith(("data_root", "location")):
            in_store(location, f"parameter '{name}'")
    elif name == "data_root":
        storage.check_writable(location)
    elif not storage.exists(location) and storage.fingerprint(location) == NOTHING:
        raise UserError(f"parameter '{name}': nothing lies under {location}: correct the bucket or the prefix")


def in_store(location: str, option: str) -> bool:
    """Whether a location is in an object store; if not, it is a full path.

    Raises:
        UserError: it is a path that means nothing on another machine, or has another scheme.
    """
    if location.startswith(storage.S3):
        return True
    if not location.startswith("/"):
        raise UserError(
            f"{option}: the cluster has no folder '{location}': give an s3:// prefix, or the full path it has there"
        )
    return False
