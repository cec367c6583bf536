"""The contents of a data set whose layout is in the names of its folders and files."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.data.manifest_tables import IMAGE_COLUMNS, OBJECT_COLUMNS
from simpgan.components.ingest.contents import Contents
from simpgan.components.ingest.data_warnings import count_warnings, match_warnings
from simpgan.components.ingest.file_source import FileSource
from simpgan.components.ingest.layout_search import sort_out
from simpgan.components.ingest.layouts.base import Label, Layout

LABELS = ("person", "camera", "time")


def contents_of(files: FileSource, layout: Layout, *, published: bool = False) -> Contents:
    """Sort out the files of a data set by their names.

    Args:
        files: files below the data set's folder.
        layout: layout of the data set.
        published: whether the data set should have the published counts.
    """
    labels, rejected = sort_out(files, layout)

    def warnings(images: pd.DataFrame, roles: pd.DataFrame, _digests: NDArray[np.uint8]) -> list[str]:
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
        unread=(),
        source_protocol=layout.source_protocol,
        folders=(),
        fingerprint=partial(storage.fingerprint, files.location),
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
