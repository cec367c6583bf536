"""Read a data set in its layout into shards and a manifest."""

import logging
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from simpgan.components.core import storage
from simpgan.components.core.data.manifest_tables import ManifestTables
from simpgan.components.core.data.object_versions import name_of
from simpgan.components.core.data.shards import WrittenShards, write_shards
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.progress import with_progress
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run
from simpgan.components.ingest.contents import Contents
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.new_manifest import NewManifest
from simpgan.components.ingest.opening import open_contents
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.ingest.verify import verify_all

logger = logging.getLogger(__name__)


def run(location: str, settings: IngestSettings, data_root: str, output: Path) -> ManifestTables:
    """Verify every image of a data set, store the bytes as shards, and write the manifest.

    Data that were ingested before give the same shards and the same manifest, and nothing is written.

    Args:
        location: folder, .zip, .tar or .tar.gz file, or `s3://` prefix.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix for the shards.
        output: folder for the manifest.

    Returns:
        what was written.

    Raises:
        UserError: nothing of the layout is at `location`, too many files are damaged, or nothing can be written.
    """
    name = settings.name or LAYOUTS[settings.layout].data_set_name(location)
    with (
        stage_run(
            "ingest",
            task=current_task(),
            settings=settings.model_dump(),
            label=f"ingest {name} from {name_of(Path(location).name, location)}",
        ) as tracked,
        open_contents(location, settings) as contents,
    ):
        storage.check_writable(data_root)
        storage.check_writable(str(output.parent))
        shards, images = store_images(
            contents,
            settings,
            data_root,
            check=lambda images: refuse_damaged(location, images, contents.rejected, settings.max_rejected_share),
        )
        roles = contents.roles(images)
        manifest = NewManifest(
            dataset=name,
            images=images,
            shards=shards,
            roles=roles,
            rejected=rejected_table(contents.rejected),
            objects=contents.objects,
            source_protocol=contents.source_protocol,
            warnings=tuple(contents.warnings(images, roles, shards.digests)),
        )
        saved = manifest.save(output)
        tracked.log_data_set(manifest, output, "made")
        tracked.log_summary({"images": len(images), "rejected": len(contents.rejected)})
        report(manifest, shards, saved)
        return manifest


def store_images(
    contents: Contents, settings: IngestSettings, data_root: str, check: Callable[[int], None]
) -> tuple[WrittenShards, pd.DataFrame]:
    """Store the listed files that are images, and add the reasons against the others to `contents.rejected`.

    Args:
        contents: files of the data set.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix for the shards.
        check: is called with the number of images before the last shard is written, so that a small data set that it
            refuses leaves no shard.

    Returns:
        The shards, and the images with all labels and their sizes, as in `NewManifest`.
    """
    listed = contents.listed
    kept, width, height = array("l"), array("i"), array("i")

    def good_images() -> Iterator[tuple[str, bytes]]:
        files = zip(listed["name"], listed["size"], strict=True)
        verified = verify_all(files, contents.read, settings.max_pixels, settings.threads)
        progress = with_progress(verified, f"ingest {settings.layout}", len(listed), "image")
        for row, image in enumerate(progress):
            if image.reason:
                contents.rejected[image.name] = image.reason
            else:
                kept.append(row)
                width.append(image.width)
                height.append(image.height)
                yield image.name, image.content
        check(len(kept))

    shards = write_shards(data_root, good_images())
    labelled = listed.drop(columns="size")
    if len(kept) < len(listed):
        labelled = labelled.iloc[np.asarray(kept)].reset_index(drop=True)
    return shards, contents.completed(labelled.assign(width=np.asarray(width), height=np.asarray(height)))


def refuse_damaged(location: str, images: int, rejected: Mapping[str, str], max_share: float) -> None:
    """Raise UserError if there is no image, or if more than `max_share` of the files were rejected."""
    share = len(rejected) / max(1, images + len(rejected))
    if images and share <= max_share:
        return
    examples = "; ".join(f"{name}: {reason}" for name, reason in sorted(rejected.items())[:3])
    if not images:
        raise UserError(f"no image in {location}" + (f" ({examples})" if examples else ""))
    raise UserError(
        f"{len(rejected)} of {images + len(rejected)} files in {location} were rejected ({examples}), more than "
        f"max_rejected_share = {max_share:g} allows: repair them, or raise it"
    )


def rejected_table(rejected: Mapping[str, str]) -> pd.DataFrame:
    """Return the manifest's rejected files."""
    return pd.DataFrame(sorted(rejected.items()), columns=["name", "reason"])


def report(manifest: ManifestTables, shards: WrittenShards, saved: bool) -> None:
    """Log unusual things, and what was written."""
    name, found = manifest.dataset, manifest.contained
    for warning in manifest.warnings:
        logger.warning(warning)
    if found.rows["rejected"]:
        first = next(manifest.blocks("rejected")).iloc[0]
        logger.warning(
            f"{name}: {found.rows['rejected']} files were rejected, such as {first['name']}: {first['reason']}"
        )
    if saved or shards.written:
        written = f"wrote the manifest and {len(shards.written)} of {len(shards.written + shards.present)} shards"
    else:
        written = "nothing was written, the manifest and all its shards were there already"
    of_people = f" of {found.people:,} people" if found.people else ""
    logger.info(f"{name}: {found.rows['images']:,} images{of_people}; {written}")
