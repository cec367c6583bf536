"""Preview a data set by the names of its files, before an image is read."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import IMAGE_COLUMNS
from simpgan.components.ingest.file_source import GZIP_MAGIC
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.opening import open_contents
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.ingest.stage import refuse_damaged

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Look:
    """What can be known of a data set before an image is read.

    Attributes:
        manifest: the manifest that ingest would write if every file were a whole image, without bytes, sizes and
            digests; None for a compressed archive, whose names cannot be read without reading all of it.
        fingerprint: returns a cheap identity (sha256, hex) of what lies there.
        folders: folders and files on this machine that are read besides the location.
    """

    manifest: Manifest | None
    fingerprint: Callable[[], str]
    folders: tuple[str, ...] = ()


def preview(location: str, settings: IngestSettings) -> Manifest | None:
    """Return the manifest of `look_at`."""
    return look_at(location, settings).manifest


def look_at(location: str, settings: IngestSettings) -> Look:
    """Look at a data set by the names of its files.

    Ingest can only reject more files, so everything that is impossible with this manifest is impossible.

    Args:
        location: folder, archive, table or `s3://` prefix.
        settings: settings of the stage.

    Raises:
        UserError: nothing of the layout is at `location`, or too many names are not of its form.
    """
    if is_compressed(location):
        return Look(None, partial(storage.fingerprint, location))
    with open_contents(location, settings) as contents:
        listed = contents.listed
        for sentence in contents.unread:
            logger.warning(sentence)
        refuse_damaged(location, len(listed), contents.rejected, settings.max_rejected_share)
        unread = {
            column: 0 if kind == "int64" else "" for column, kind in IMAGE_COLUMNS.items() if column not in listed
        }
        images = contents.completed(listed.assign(**unread))
        roles = contents.roles(images)
    name = settings.name or LAYOUTS[settings.layout].data_set_name(location)
    manifest = Manifest(name, images, roles, source_protocol=contents.source_protocol)
    return Look(manifest, contents.fingerprint, tuple(contents.folders))


def is_compressed(location: str) -> bool:
    """Tell whether `location` is a file that gzip wrote."""
    if storage.is_s3(location) or not Path(location).is_file():
        return False
    with open(location, "rb") as file:
        return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
