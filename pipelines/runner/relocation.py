"""Locations that a run writes down: relative to its folder if they are inside it, so that the folder can be moved."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simpgan.components.core.data import shards
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError

DATA_ROOT = "data_root.txt"
"""File of a run with the place of its images."""


def relative_to_run(location: str, out: Path) -> str:
    """Return how the run in `out` writes down a location: relative if inside `out`, else in full."""
    inside = "://" not in location and Path(location).is_relative_to(out.resolve())
    return os.path.relpath(location, out.resolve()) if inside else location


def absolute_location(location: str, out: Path) -> str:
    """Return the location that the run now in `out` wrote down."""
    return location if "://" in location or not location else str(out.resolve() / location)


def write_data_root(data_root: str, out: Path) -> None:
    """Write down the place of the images of the run in `out`."""
    (out / DATA_ROOT).write_text(relative_to_run(data_root, out) + "\n")


def data_root_of(out: Path) -> str | None:
    """Return the place of the images of the run in `out`; None if the run has not written it down."""
    file = out / DATA_ROOT
    return absolute_location(file.read_text().strip(), out) if file.is_file() else None


def run_containing(path: Path) -> Path | None:
    """Return the folder of the run that contains `path`; None if there is none."""
    return next((each for each in (path.resolve(), *path.resolve().parents) if (each / DATA_ROOT).is_file()), None)


@dataclass(frozen=True)
class DataRoot:
    """The place of images.

    Attributes:
        place: full path or `s3://` prefix.
        said: where this place was given.
        recorded: the place that the run recorded; empty if it did not.
    """

    place: str
    said: str
    recorded: str = ""

    @contextmanager
    def explained(self, *manifests: Path) -> Iterator[None]:
        """Add to errors in this block that images of the manifests are missing from the data root, if they are.

        Raises:
            UserError: the error, in these words or its own.
        """
        try:
            yield
        except UserError:
            for dataset in map(Manifest.load, manifests):
                if not shards.shards_exist(self.place, dataset):
                    other = f"; the run had {self.recorded}" if self.recorded not in ("", self.place) else ""
                    raise UserError(
                        f"images of {dataset.dataset} are not in {self.place}, which {self.said} names{other}: "
                        "give the folder or s3:// prefix that they are in by --data-root"
                    ) from None
            raise


def find_data_root(given: str | None, *places: Path) -> DataRoot:
    """Return the place of the images of runs and manifests: the given one, else the one that their run recorded.

    Args:
        given: full path or `s3://` prefix; None or empty: not given.
        places: runs and manifests.

    Raises:
        UserError: the place is unknown.
    """
    run = next(filter(None, map(run_containing, places)), None)
    recorded = data_root_of(run) or "" if run else ""
    if given:
        return DataRoot(given, "--data-root", recorded)
    if not recorded:
        raise UserError(
            f"--data-root is missing: '{places[0]}' lies in the folder of no run that says where its images are: "
            "give the folder or s3:// prefix that ingest wrote them to"
        )
    return DataRoot(recorded, f"the run in {run}", recorded)
