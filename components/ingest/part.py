"""Read one part of a listing of new images: a data set of its own, to be merged with the other parts."""

from pathlib import Path

from simpgan.components.core import storage
from simpgan.components.core.data.manifest_tables import ManifestTables
from simpgan.components.core.data.new_files import Listing
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run
from simpgan.components.ingest.by_names import contents_of
from simpgan.components.ingest.file_source import Gone, listed_files
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.new_manifest import NewManifest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.ingest.stage import rejected_table, report, store_images


def run(listing: Path, part: int, settings: IngestSettings, data_root: str, output: Path) -> ManifestTables:
    """Verify the images of a part, store their bytes, and write the part's manifest.

    A part that is read again gives the same shards. `merge` decides whether too many files are damaged, since it sees
    all parts. A file that was removed since the listing is ignored.

    Args:
        listing: folder that watch wrote.
        part: number of the part.
        settings: settings of the stage.
        data_root: folder or `s3://` prefix for the shards.
        output: folder for the manifest.

    Raises:
        UserError: there is no such part, or the store cannot be read or written.
    """
    layout = LAYOUTS[settings.layout]
    name = settings.name or layout.name
    found = Listing.load(listing)
    with (
        stage_run(
            "ingest_part",
            task=current_task(),
            settings=settings.model_dump(),
            label=f"ingest {name}, part {part} of {len(found.parts)}",
            inputs={"listing": found.digest},
        ) as tracked,
    ):
        files = listed_files(found.location, found.part_objects(part))
        storage.check_writable(data_root)
        contents = contents_of(files, layout)
        shards, images = store_images(contents, settings, data_root, check=lambda images: None)
        gone = [name for name, reason in contents.rejected.items() if reason == Gone.REASON]
        damaged = {name: reason for name, reason in contents.rejected.items() if reason != Gone.REASON}
        manifest = NewManifest(
            dataset=name,
            images=images,
            shards=shards,
            roles=contents.roles(images),
            rejected=rejected_table(damaged),
            objects=contents.objects.drop(gone),
            source_protocol=layout.source_protocol,
        )
        saved = manifest.save(output)
        tracked.log_summary({"images": len(images), "rejected": len(damaged)})
        report(manifest, shards, saved)
        return manifest
