"""Join parts of a data set, and the data set before them, into one manifest."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import PLACE
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.ingest.stage import refuse_damaged

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Merged:
    """A merged data set.

    Attributes:
        manifest: manifest of the data set.
        new: number of images with other bytes than any image of the former data set.
    """

    manifest: Manifest
    new: int


def run(parts: Sequence[Path], settings: IngestSettings, output: Path, former: Path | None = None) -> Merged:
    """Write the manifest of all parts; with `former` it continues that data set.

    It is the manifest that one ingest of all the files would have written, however they were split, in whatever order
    the parts come, and if a part comes twice. A replaced file counts as it is now. A removed file stays, as its bytes
    do. No byte of an image is read.

    Args:
        parts: folders of manifests that `part` wrote.
        settings: settings of the stage.
        output: folder for the manifest.
        former: folder of the data set's last manifest, whose name it keeps.

    Raises:
        UserError: too many of the parts' files are damaged, or `former` is of another layout.
    """
    layout = LAYOUTS[settings.layout]
    read = sorted(((Manifest.load(part), part) for part in parts), key=lambda each: each[0].files_digest)
    manifests = [manifest for manifest, _ in read]
    before = Manifest.load(former) if former else None
    if before is not None and before.source_protocol != layout.source_protocol:
        raise UserError(
            f"{before.dataset} has the protocol '{before.source_protocol}', and new images of cameras have none of its "
            f"labels: adapt to {layout.name}:PATH once, and continue from that"
        )
    name = before.dataset if before else settings.name or layout.name
    inputs = {f"part-{place}": part.digest for place, part in enumerate(manifests)}
    with (
        stage_run(
            "merge",
            task=current_task(),
            settings=settings.model_dump(),
            label=f"merge {len(manifests)} parts of {name}",
            inputs=inputs | ({"former": before.digest} if before else {}),
        ) as tracked,
    ):
        for part, folder in read:
            tracked.log_data_set(part, folder, "part")
        if before is not None and former is not None:
            tracked.log_data_set(before, former, "known")
        images = unique_by_name([part.images for part in manifests], by=["sha256", *PLACE])
        # If only one of two parts found a file damaged, the file was still being written when that part read it.
        rejected = rows_missing_from(unique_by_name([part.rejected for part in manifests], by=["reason"]), images)
        refuse_damaged(name, len(images), dict(rejected.itertuples(index=False)), settings.max_rejected_share)
        objects = unique_by_name([part.objects for part in manifests], by=["version", "size"])
        new = len(images)
        if before is not None:
            new = int((~images["sha256"].isin(before.images["sha256"])).sum())
            images = keep_former_places(images, before.images)
            seen = pd.concat([images[["name"]], rejected[["name"]]])
            images = concatenated(rows_missing_from(before.images, seen), images)
            rejected = concatenated(rows_missing_from(before.rejected, seen), rejected)
            objects = concatenated(rows_missing_from(before.objects, objects), objects)
        images = layout.completed(images)
        manifest = Manifest(
            dataset=name,
            images=images,
            roles=layout.roles(images, refuse_other_files),
            rejected=rejected,
            objects=objects,
            source_protocol=layout.source_protocol,
            warnings=before.warnings if before else (),
        )
        manifest.save(output)
        tracked.log_data_set(manifest, output, "made")
        tracked.log_summary({"images": len(images), "new": new, "rejected": len(rejected)})
        logger.info(f"{name}: {len(images):,} images, {new:,} of them new, {len(rejected):,} files rejected")
        return Merged(manifest, new)


def unique_by_name(tables: Sequence[pd.DataFrame], by: list[str]) -> pd.DataFrame:
    """Return the rows of all tables, one per name, sorted by name; of several, the last by the columns `by`."""
    rows = pd.concat(tables).sort_values(["name", *by])
    return rows.drop_duplicates("name", keep="last").reset_index(drop=True)


def rows_missing_from(table: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `table` whose names `others` does not have."""
    return table[~table["name"].isin(others["name"])]


def concatenated(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of both tables, sorted by name."""
    return pd.concat([one, other]).sort_values("name", ignore_index=True)


def keep_former_places(images: pd.DataFrame, former: pd.DataFrame) -> pd.DataFrame:
    """Return images with the shard of `former`, if it holds the same bytes under the same name: one shard is enough."""
    there = images[["name", "sha256"]].merge(former[["name", "sha256", *PLACE]], how="left", on=["name", "sha256"])
    return images.assign(
        **{column: there[column].where(there[column].notna(), images[column]).to_numpy() for column in PLACE}
    )


def refuse_other_files(file: str) -> bytes:
    """Raise UserError for a layout that asks for a file other than images, which a part does not have."""
    raise UserError(f"no {file}: only layouts without such files can be read in parts")
