"""Places that a run writes down: relative to its folder where they are in it, so that the folder can be copied."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simpgan.components.core.data import shards
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError

DATA_ROOT = "data_root.txt"
"""The file of a run that says where its images are."""


def noted(location: str, out: Path) -> str:
    """How the run in `out` writes down a location: a full path, or that of an object store."""
    inside = "://" not in location and Path(location).is_relative_to(out.resolve())
    return os.path.relpath(location, out.resolve()) if inside else location


def read(location: str, out: Path) -> str:
    """The location that the run now in `out` wrote down."""
    return location if "://" in location or not location else str(out.resolve() / location)


def note_data_root(data_root: str, out: Path) -> None:
    """Write down where the images of the run in `out` are."""
    (out / DATA_ROOT).write_text(noted(data_root, out) + "\n")


def data_root_of(out: Path) -> str | None:
    """Where the images of the run in `out` are; None if it does not say."""
    file = out / DATA_ROOT
    return read(file.read_text().strip(), out) if file.is_file() else None


def run_with(path: Path) -> Path | None:
    """The folder of the run that made what is at `path`, as far as its folder tells."""
    return next((each for each in (path.resolve(), *path.resolve().parents) if (each / DATA_ROOT).is_file()), None)


@dataclass(frozen=True)
class DataRoot:
    """Where images are.

    Attributes:
        place: full path or `s3://` prefix.
        said: who says so.
        recorded: what the run itself says; empty if it does not.
    """

    place: str
    said: str
    recorded: str = ""

    @contextmanager
    def explained(self, *manifests: Path) -> Iterator[None]:
        """Within the block an error is said to be about the data root where images of the manifests are not in it.

        Raises:
            UserError: the error, in these words or its own.
        """
        try:
            yield
        except UserError:
            for dataset in map(Manifest.load, manifests):
                if not shards.are_there(self.place, dataset):
                    other = f"; the run had {self.recorded}" if self.recorded not in ("", self.place) else ""
                    raise UserError(
                        f"images of {dataset.dataset} are not in {self.place}, which {self.said} names{other}: "
                        "give the folder or s3:// prefix that they are in by --data-root"
                    ) from None
            raise


def find_data_root(given: str | None, *places: Path) -> DataRoot:
    """Where the images of runs and manifests are: as given, else as recorded by the run that one of them lies in.

    Args:
        given: full path or `s3://` prefix; None or empty if nobody says.

    Raises:
        UserError: nothing tells.
    """
    run = next(filter(None, map(run_with, places)), None)
    recorded = data_root_of(run) or "" if run else ""
    if given:
        return DataRoot(given, "--data-root", recorded)
    if not recorded:
        raise UserError(
            f"--data-root is missing: '{places[0]}' lies in the folder of no run that says where its images are: "
            "give the folder or s3:// prefix that ingest wrote them to"
        )
    return DataRoot(recorded, f"the run in {run}", recorded)
