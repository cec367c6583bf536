"""A data set as the user names it: its layout, its location, and its name in results."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import nearest
from simpgan.components.core.storage_errors import explained
from simpgan.components.ingest.layouts import LAYOUTS

TAKEN = "a folder, an archive or s3://bucket/prefix"


@dataclass(frozen=True)
class DataSet:
    """A data set: its layout, where it is, and its name in results.

    Attributes:
        fingerprint: What lies there; empty: it is read when it is needed.
    """

    layout: str
    location: str
    name: str
    fingerprint: str = ""

    @classmethod
    def parse(cls, text: str, option: str, name: str = "") -> Self:
        """Parse `market1501:PATH`, where PATH is an existing folder or archive, or an `s3://` prefix.

        Args:
            option: Option that the text was given by, for messages.
            name: Name in results; empty: the layout's.

        Raises:
            UserError: The layout is missing or unknown, or nothing is at PATH.
        """
        layout, colon, location = text.partition(":")
        if not colon or location.startswith("//"):
            is_taken = not colon or text.startswith(storage.S3)
            written = text if is_taken else f"PATH, where PATH is {TAKEN}"
            raise UserError(f"{option} '{text}' names no layout: write {option} market1501:{written}")
        if layout not in LAYOUTS:
            raise UserError(f"{option}: unknown layout '{layout}': {nearest(layout, LAYOUTS)}")
        if location.startswith(storage.S3):
            return cls(layout, location, name or layout)
        if storage.has_scheme(location):
            raise UserError(f"{option} '{text}': give {TAKEN}, as in {layout}:s3://bucket/prefix")
        path = Path(location).expanduser().resolve()
        with explained(str(path)):
            there = path.exists()
        if not location or not there:
            raise UserError(f"{option}: there is no folder or archive '{location}': correct the path")
        return cls(layout, str(path), name or layout)

    def as_arguments(self, role: str) -> dict[str, str]:
        """Return the arguments of a pipeline for its source or target: location, layout, name and content."""
        return {
            f"{role}_name": self.name,
            f"{role}_layout": self.layout,
            f"{role}_location": self.location,
            f"{role}_fingerprint": self.fingerprint or storage.fingerprint(self.location),
        }


def names_of_sources(given: Sequence[str], sources: Sequence[str]) -> Sequence[str]:
    """Return a name for each source; empty names if none was given.

    Raises:
        UserError: The numbers of names and sources differ.
    """
    if given and len(given) != len(sources):
        raise UserError(f"{len(sources)} --source and {len(given)} --source-name: name all of them or none")
    return given or [""] * len(sources)


def refuse_same_data(sources: Sequence[DataSet], target: DataSet) -> None:
    """Raise UserError if a source is the target, since its labels would be learned before they are tested."""
    for source in sources:
        if source.location.rstrip("/") == target.location.rstrip("/"):
            same = f"at {target.location}"
        elif source.name == target.name:
            same = f"called {target.name}"
        else:
            continue
        raise UserError(
            f"source and target are both {same}, so that people would be looked for whose labels were learned: "
            "give or name another data set, or --allow-shared-people"
        )


def refuse_same_names(sources: Sequence[DataSet]) -> None:
    """Raise UserError if two sources have the same name in results."""
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two sources are called '{name}': leave one out, or name them by --source-name")


def refuse_unlabelled(sources: Sequence[DataSet]) -> None:
    """Raise UserError if the layout of a source has no labels, which the classifier is trained with."""
    labelled = [name for name, layout in LAYOUTS.items() if layout.labelled]
    for source in sources:
        if source.layout not in labelled:
            raise UserError(
                f"--source {source.layout}: the layout has no labels, and a classifier is trained on people who are "
                f"known: give a source in one of the layouts {', '.join(labelled)}"
            )
