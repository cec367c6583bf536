"""Find the new files at a location of camera images, and decide whether they are enough for a training."""

import logging
from pathlib import Path

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.new_files import Listing
from simpgan.components.core.data.object_versions import name_of, new_objects, objects_at
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run

logger = logging.getLogger(__name__)


def run(location: str, known: Path, threshold: int, part_images: int, output: Path) -> Listing:
    """List the files that a data set was not made from, in parts.

    A file is identified by name, size and version: on disk the time of its last change, in an object store its ETag,
    which changes with the content and stays when the same content is uploaded again. No file is opened.

    Args:
        location: folder or `s3://` prefix.
        known: folder of the data set's last manifest.
        threshold: number of new files that are worth a training.
        part_images: number of files in a part.
        output: folder for the listing.

    Returns:
        the listing; with fewer new files than the threshold it has no parts.

    Raises:
        UserError: there is nothing at `location`, or it cannot be listed.
    """
    before = Manifest.load(known)
    with (
        stage_run(
            "watch",
            task=current_task(),
            settings={"threshold": threshold, "part_images": part_images},
            label=f"watch {name_of(Path(location).name, location)} for {before.dataset}",
            inputs={"known": before.digest},
        ) as tracked,
    ):
        tracked.log_data_set(before, known, "known")
        there = objects_at(location)
        new = new_objects(there, before)
        enough = len(new) >= threshold
        listing = Listing.split(location, new if enough else new.iloc[:0], part_images)
        listing.save(output)
        tracked.log_summary({"files": len(there), "new": len(new), "enough": enough})
        logger.info(f"{before.dataset}: {sentence(len(there), len(new), threshold)}")
        return listing


def sentence(there: int, new: int, threshold: int) -> str:
    """Return a sentence on the files found, for the log."""
    found = f"{new:,} of {there:,} files are new"
    return found if new >= threshold else f"{found}, and a training waits for {threshold:,}: nothing to do"
