"""Data that a cluster reads: whether it is there, and what lies there now."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.pipelines.config.presets import RunSettings
from simpgan.pipelines.requests.data_sets import DataSet
from simpgan.pipelines.requests.places import Places

NOTHING = hashlib.sha256().hexdigest()  # what storage.fingerprint says of a prefix without objects
LOOKED_AT_EVERY_TIME = "looked at every time"


class ClusterPlaces(Places):
    """Checks the places of a request as a cluster reads them, as far as they can be seen from here."""

    def data_set(self, text: str, option: str, name: str = "") -> DataSet:
        """Parse `market1501:s3://bucket/prefix`, or a full path on the cluster's own volumes.

        If a path also exists on this machine, its content is looked at; if not, nothing is taken from the cache for it.
        A schedule reads what will lie there later, so its fingerprint is always the same.

        Raises:
            UserError: The layout is missing or unknown, a path exists on this machine only, or a prefix is empty or
                does not exist.
        """
        layout, colon, location = text.partition(":")
        seen_from_here = not colon or location.startswith((storage.S3, "//"))
        named = DataSet.parse(text if seen_from_here else f"{layout}:/", option, name)
        if in_store(location, option):
            fingerprint = storage.fingerprint(location)
            if fingerprint == NOTHING and not storage.exists(location):
                raise UserError(f"{option}: nothing lies under {location}: correct the bucket or the prefix")
        else:
            here = Path(location).exists()
            fingerprint = storage.fingerprint(location) if here else f"not seen, {datetime.now(UTC).isoformat()}"
        called = name or LAYOUTS[named.layout].data_set_name(location)
        return DataSet(named.layout, location, called, LOOKED_AT_EVERY_TIME if self.scheduled else fingerprint)

    def images(self, location: str) -> str:
        """Return the location of camera images. A prefix may be empty, but its bucket exists.

        Raises:
            UserError: The cluster cannot look for images there.
        """
        if in_store(location, "LOCATION"):
            storage.list_files(location)
        return location

    def with_weights(self, settings: RunSettings) -> RunSettings:
        """Return the settings with the digest of the weights file if it can be read from here.

        A schedule takes what the file holds when it runs.

        Raises:
            UserError: The cluster will not find the file.
        """
        check_weights(settings.pretrain.weights)
        readable = not self.scheduled and storage.exists(settings.pretrain.weights)
        return super().with_weights(settings) if readable else settings


def check_data_root(data_root: str) -> None:
    """Raise UserError unless the cluster can write there, as far as can be seen from here."""
    if in_store(data_root, "--data-root"):
        storage.check_writable(data_root)


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
