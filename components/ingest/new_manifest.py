"""The manifest that ingest writes: compact in memory, and made whole block by block."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from simpgan.components.core.data.manifest_tables import (
    BLOCK,
    IMAGE_COLUMNS,
    NAMED,
    OBJECT_COLUMNS,
    REJECTED_COLUMNS,
    ROLE_COLUMNS,
    ManifestTables,
    in_blocks,
    refuse_mixed_names,
    with_columns,
    with_names,
)
from simpgan.components.core.data.shards import WrittenShards


@dataclass(frozen=True, eq=False)
class NewManifest(ManifestTables):
    """A data set that was just read. Its tables are those of a `Manifest`, and their columns may have smaller types.

    Attributes:
        images: one row per image, sorted by name: the columns of `Manifest.images` without those of its shard.
            Columns of names may be categories, or missing.
        shards: the places of the images, in the same order.
        roles: as `Manifest.roles`.
        rejected: as `Manifest.rejected`.
        objects: as `Manifest.objects`.
        source_protocol: as `Manifest.source_protocol`.
        warnings: as `Manifest.warnings`.

    Raises:
        ValueError: a name of a person or camera has two numbers, or a number two names.
    """

    dataset: str
    images: pd.DataFrame
    shards: WrittenShards
    roles: pd.DataFrame
    rejected: pd.DataFrame
    objects: pd.DataFrame
    source_protocol: str
    warnings: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for label in NAMED:
            if f"{label}_name" in self.images:
                refuse_mixed_names(self.images, label)

    def blocks(self, table: str) -> Iterator[pd.DataFrame]:
        """Yield one of the tables in blocks, with the columns and types of a `Manifest`."""
        if table == "images":
            yield from self._images()
            return
        columns = {"roles": ROLE_COLUMNS, "rejected": REJECTED_COLUMNS, "objects": OBJECT_COLUMNS}[table]
        for block in in_blocks(getattr(self, table)):
            yield with_columns(block, columns, table)

    def _images(self) -> Iterator[pd.DataFrame]:
        for number, block in enumerate(in_blocks(self.images)):
            places = self.shards.places(number * BLOCK, (number + 1) * BLOCK)
            whole = pd.concat([block.reset_index(drop=True), places], axis="columns")
            yield with_columns(with_names(whole), IMAGE_COLUMNS, "images")
