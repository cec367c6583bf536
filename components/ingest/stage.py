"""Read a data set in its layout into shards and a manifest."""

import logging
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path

import pandas as pd

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import OBJECT_COLUMNS, Manifest
from simpgan.components.core.data.object_versions import name_of
from simpgan.components.core.data.shards import WrittenShards, write_shards
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.progress import with_progress
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run
from simpgan.components.ingest.data_warnings import count_warnings, match_warnings
from simpgan.components.ingest.file_source import FileSource, open_file_source
from simpgan.components.ingest.layout_search import find_data_set, sort_out
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.base import Label
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.ingest.verify import verify_all

logger = logging.getLogger(__name__)


def run(location: str, settings: IngestSettings, data_root: str, output: Path) -> Manifest:
    """Verify every image of a data set, store the bytes as shards, and write the manifest.

    Data that were ingested before give the same shards and the same manifest, and nothing is written.

    Args:
        location: folder, .zip, .tar or .tar.gz file, or `s3://` prefix.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix for the shards.
        output: folder for the manifest.

    Returns:
        the manifest.

    Raises:
        UserError: nothing of the layout is at `location`, too many files are damaged, or nothing can be written.
    """
    layout = LAYOUTS[settings.layout]
    name = settings.name or layout.name
    with (
        stage_run(
            "ingest",
            task=current_task(),
            settings=settings.model_dump(),
            label=f"ingest {name} from {name_of(Path(location).name, location)}",
        ) as tracked,
        open_file_source(location) as found,
    ):
        files = find_data_set(found, layout)
        storage.check_writable(data_root)
        storage.check_writable(str(output.parent))
        labels, rejected = sort_out(files, layout)
        shards, sizes = store_images(
            files,
            labels,
            rejected,
            settings,
            data_root,
            check=lambda images: refuse_damaged(location, images, rejected, settings.max_rejected_share),
        )
        images = layout.completed(image_table(shards, sizes, labels))
        roles = layout.roles(images, files.read)
        manifest = Manifest(
            dataset=name,
            images=images,
            roles=roles,
            rejected=rejected_table(rejected),
            objects=object_table(files, {*labels, *rejected}),
            source_protocol=layout.source_protocol,
            warnings=(
                *(count_warnings(layout, images, roles) if name == layout.name else ()),
                *match_warnings(layout, images, roles),
            ),
        )
        saved = manifest.save(output)
        tracked.log_data_set(manifest, output, "made")
        tracked.log_summary({"images": len(images), "rejected": len(rejected)})
        report(manifest, shards, saved)
        return manifest


def store_images(
    files: FileSource,
    labels: Mapping[str, Label],
    rejected: dict[str, str],
    settings: IngestSettings,
    data_root: str,
    check: Callable[[int], None],
) -> tuple[WrittenShards, pd.DataFrame]:
    """Store the labelled files that are images, and add the reasons against the others to `rejected`.

    Args:
        files: files of the data set.
        labels: labels by name of the files to read.
        rejected: name to reason; is extended.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix for the shards.
        check: is called with the number of images before the last shard is written, so that a small data set that it
            refuses leaves no shard.

    Returns:
        The shards, and width and height of the stored images in the same order.
    """
    sizes: list[tuple[int, int]] = []

    def good_images() -> Iterator[tuple[str, bytes]]:
        verified = verify_all(files, labels, settings.max_pixels, settings.threads)
        for image in with_progress(verified, f"ingest {settings.layout}", len(labels), "image"):
            if image.reason:
                rejected[image.name] = image.reason
            else:
                sizes.append((image.width, image.height))
                yield image.name, image.content
        check(len(sizes))

    shards = write_shards(data_root, good_images())
    return shards, pd.DataFrame(sizes, columns=["width", "height"])


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


def image_table(shards: WrittenShards, sizes: pd.DataFrame, labels: Mapping[str, Label]) -> pd.DataFrame:
    """Return the manifest's images: their places, sizes and labels."""
    return with_labels(pd.concat([shards.table, sizes], axis="columns"), labels)


def with_labels(images: pd.DataFrame, labels: Mapping[str, Label]) -> pd.DataFrame:
    """Return the images with the labels in their names as columns."""
    told = [labels[name] for name in images["name"]]
    return images.assign(
        **{
            column: pd.array([getattr(label, column) for label in told], dtype="Int64")
            for column in ("person", "camera", "time")
        }
    )


def rejected_table(rejected: Mapping[str, str]) -> pd.DataFrame:
    """Return the manifest's rejected files."""
    return pd.DataFrame(sorted(rejected.items()), columns=["name", "reason"])


def object_table(files: FileSource, names: Set[str]) -> pd.DataFrame:
    """Return the manifest's objects, sorted by name: those of the files `names` that were listed."""
    found = [files.objects[name] for name in names if name in files.objects]
    rows = sorted((file.path, file.size, file.version) for file in found)
    return pd.DataFrame(rows, columns=list(OBJECT_COLUMNS))


def report(manifest: Manifest, shards: WrittenShards, saved: bool) -> None:
    """Log unusual things, and what was written."""
    name, rejected = manifest.dataset, manifest.rejected
    for warning in manifest.warnings:
        logger.warning(warning)
    if len(rejected):
        first = rejected.iloc[0]
        logger.warning(f"{name}: {len(rejected)} files were rejected, such as {first['name']}: {first['reason']}")
    if saved or shards.written:
        written = f"wrote the manifest and {len(shards.written)} of {len(shards.written + shards.present)} shards"
    else:
        written = "nothing was written, the manifest and all its shards were there already"
    people = manifest.images["person"].nunique()
    of_people = f" of {people:,} people" if people else ""
    logger.info(f"{name}: {len(manifest.images):,} images{of_people}; {written}")
