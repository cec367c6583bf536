"""A data set before an image is read: the files that should be images, with their labels, and the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Contents:
    """Files of a data set.

    Attributes:
        listed: the files that should be images, sorted by name: name, size (bytes), and the manifest's columns of
            labels.
        rejected: name to reason of the other files.
        objects: the manifest's objects: these files, as they were listed. If the layout is in their names, the index
            has the names above.
        read: returns the content of a file by its name, from any thread. Raises UnreadFile.
        completed: adds labels that depend on all images together to the manifest's images.
        roles: returns the manifest's roles of the manifest's images.
        warnings: returns sentences on images and roles; the third argument is uint8 [N, 32], the images' sha256.
        unread: sentences on what may have labels and is not read; they are among the warnings too.
        source_protocol: the manifest's protocol as a source.
        folders: folders and files on this machine that are read besides the location.
        fingerprint: returns a cheap identity (sha256, hex) of what lies there: names, sizes, and times or ETags.
    """

    listed: pd.DataFrame
    rejected: dict[str, str]
    objects: pd.DataFrame
    read: Callable[[str], bytes]
    completed: Callable[[pd.DataFrame], pd.DataFrame]
    roles: Callable[[pd.DataFrame], pd.DataFrame]
    warnings: Callable[[pd.DataFrame, pd.DataFrame, NDArray[np.uint8]], list[str]]
    unread: Sequence[str]
    source_protocol: str
    folders: Sequence[str]
    fingerprint: Callable[[], str]
