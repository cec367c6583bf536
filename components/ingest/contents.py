"""A data set before an image is read: the files that should be images, with their labels, and the others."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd

from simpgan.components.core.data.manifest import IMAGE_COLUMNS, OBJECT_COLUMNS
from simpgan.components.ingest.data_warnings import count_warnings, match_warnings
from simpgan.components.ingest.file_source import FileSource, open_file_source
from simpgan.components.ingest.layout_search import find_data_set, sort_out
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.base import Label, Layout
from simpgan.components.ingest.settings import IngestSettings

LABELS = ("person", "camera", "time")


@dataclass(frozen=True, eq=False)
class Contents:
    """Files of a data set.

    Attributes:
        listed: the files that should be images, sorted by name: name, size (bytes), and the manifest's columns of
            labels.
        rejected: name to reason of the other files.
        objects: the manifest's objects: all these files, as they were listed; indexed by the names above.
        read: returns the content of a file by its name, from any thread. Raises UnreadFile.
        completed: adds labels that depend on all images together to the manifest's images.
        roles: returns the manifest's roles of the manifest's images.
        warnings: returns sentences on images and roles.
    """

    listed: pd.DataFrame
    rejected: dict[str, str]
    objects: pd.DataFrame
    read: Callable[[str], bytes]
    completed: Callable[[pd.DataFrame], pd.DataFrame]
    roles: Callable[[pd.DataFrame], pd.DataFrame]
    warnings: Callable[[pd.DataFrame, pd.DataFrame], list[str]]


@contextmanager
def open_contents(location: str, settings: IngestSettings) -> Iterator[Contents]:
    """Find the data set of a layout at a location, and sort its files out.

    Raises:
        UserError: nothing of the layout is there.
    """
    layout = LAYOUTS[settings.layout]
    with open_file_source(location) as files:
        yield contents_of(find_data_set(files, layout), layout, published=settings.name in (None, layout.name))


def contents_of(files: FileSource, layout: Layout, *, published: bool = False) -> Contents:
    """Sort out the files of a data set by their names.

    Args:
        files: files below the data set's folder.
        layout: layout of the data set.
        published: whether the data set should have the published counts.
    """
    labels, rejected = sort_out(files, layout)

    def warnings(images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
        counts = count_warnings(layout, images, roles) if published else []
        return [*counts, *match_warnings(layout, images, roles)]

    return Contents(
        listed=listed_images(labels, files.sizes),
        rejected=rejected,
        objects=object_table(files, [*labels, *rejected]),
        read=files.read,
        completed=layout.completed,
        roles=lambda images: layout.roles(images, files.content),
        warnings=warnings,
    )


def listed_images(labels: Mapping[str, Label], sizes: Mapping[str, int]) -> pd.DataFrame:
    """Return the table of files with labels, sorted by name."""
    names = sorted(labels)
    told = {
        column: pd.array([getattr(labels[name], column) for name in names], dtype=IMAGE_COLUMNS[column])
        for column in LABELS
    }
    return pd.DataFrame({"name": pd.Series(names, dtype="str"), "size": [sizes[name] for name in names], **told})


def object_table(files: FileSource, names: list[str]) -> pd.DataFrame:
    """Return the objects of those files that were listed. In a store, their own names may differ from the files'."""
    found = {name: files.objects[name] for name in names if name in files.objects}
    rows = [(file.path, file.size, file.version) for file in found.values()]
    return pd.DataFrame(rows, columns=list(OBJECT_COLUMNS), index=list(found)).sort_values("name")
