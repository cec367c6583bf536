"""The manifest: the images of a data set, and their roles in its protocols."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from simpgan.components.core.damaged_files import named_damage, read_json
from simpgan.components.core.data.manifest_tables import (
    FILES,
    IMAGE_COLUMNS,
    NAMED,
    OBJECT_COLUMNS,
    REJECTED_COLUMNS,
    ROLE_COLUMNS,
    SCHEMA_VERSION,
    TABLES,
    ManifestTables,
    empty_table,
    in_blocks,
    refuse_mixed_names,
    with_columns,
    with_names,
)
from simpgan.components.core.errors import UserError

ROLES = ("train", "query", "gallery")
PICTURES = (".jpg", ".jpeg", ".png", ".bmp")


@dataclass(frozen=True, eq=False)
class Manifest(ManifestTables):
    """A data set: its images, their roles, and the files that were rejected.

    Args:
        dataset: name in the results.
        images: one row per image, sorted by `name`: name (path inside the data set, unique), shard and position (where
            its bytes are), sha256 (hex, of the encoded bytes), width, height (pixels), person (<NA>: unknown, as for
            distractors and unlabelled images), camera (<NA>: unknown), time (frame number or seconds, or <NA>),
            person_name and camera_name (what people call them; empty, or no such column: their numbers). Names and
            numbers belong together one to one.
        roles: image (row of `images`), protocol, fold (0-based), role ("train", "query" or "gallery"). An image without
            a role, such as Market-1501's junk, is not used.
        rejected: name, reason.
        objects: the files that were read, including rejected ones, at that time: name, size (bytes) and version (as in
            `storage.list_files`), sorted by name; used to find new files later. Empty for files from archives and for
            translations. Not part of the digest.
        source_protocol: protocol whose train role, at fold 0, a classifier is trained on if this data set is the
            source.
        warnings: unusual findings of ingest, one sentence each. Not part of the digest.
        parts: names of the data sets that were joined to this one, each the first folder of its images' names; empty:
            it is a data set of its own.

    Raises:
        ValueError: a column is missing, names are not unique or those of images not sorted, a name has two numbers or
            a number two names, a role points outside `images`, or an image is of none of the parts.
    """

    dataset: str
    images: pd.DataFrame
    roles: pd.DataFrame
    rejected: pd.DataFrame = field(default_factory=lambda: empty_table(REJECTED_COLUMNS))
    objects: pd.DataFrame = field(default_factory=lambda: empty_table(OBJECT_COLUMNS))
    source_protocol: str = ""
    warnings: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", with_names(self.images))
        for name, columns in (
            ("images", IMAGE_COLUMNS),
            ("roles", ROLE_COLUMNS),
            ("rejected", REJECTED_COLUMNS),
            ("objects", OBJECT_COLUMNS),
        ):
            object.__setattr__(self, name, with_columns(getattr(self, name), columns, name))
        names = self.images["name"]
        if not (names.is_monotonic_increasing and names.is_unique):
            raise ValueError("images must be sorted by name, and names must be unique")
        for label in NAMED:
            refuse_mixed_names(self.images, label)
        if not self.objects["name"].is_unique:
            raise ValueError("objects must have names of their own")
        if not self.roles["image"].between(0, len(self.images) - 1).all():
            raise ValueError("roles name images that are not there")
        if not self.roles["role"].isin(ROLES).all():
            raise ValueError(f"roles must be among {ROLES}")
        if self.parts and not self.part_of_images.isin(self.parts).all():
            raise ValueError("images must be of one of the parts")

    @cached_property
    def part_of_images(self) -> pd.Series:
        """Return the data set of each image: one of `parts`, or this one if there are none."""
        if not self.parts:
            return pd.Series(self.dataset, self.images.index, dtype="str")
        return self.images["name"].str.partition("/")[0] if len(self.images) else self.images["name"]

    def blocks(self, table: str) -> Iterator[pd.DataFrame]:
        """Yield one of the tables in blocks."""
        return in_blocks(getattr(self, table))

    def shown(self, label: str) -> "pd.Series[str]":
        """Return the `person` or `camera` of each image as people call it: its name, else its number in digits.

        Unknown ones are missing values.
        """
        names = self.images[f"{label}_name"]
        return names.where(names != "", self.images[label].astype("str"))

    def protocols(self) -> pd.DataFrame:
        """Return the (protocol, fold) pairs of the data set, sorted."""
        return self.roles[["protocol", "fold"]].drop_duplicates().sort_values(["protocol", "fold"], ignore_index=True)

    def rows(self, protocol: str, fold: int, role: str) -> np.ndarray:
        """Return the rows of `images` with a role, ascending int64; empty if the protocol has no such role.

        Raises:
            UserError: there is no such protocol or fold.
        """
        of_protocol = self.roles[self.roles["protocol"] == protocol]
        if of_protocol.empty:
            known = ", ".join(self.protocols()["protocol"].unique())
            raise UserError(f"{self.dataset} has no protocol '{protocol}': choose from {known}")
        of_fold = of_protocol[of_protocol["fold"] == fold]
        if of_fold.empty:
            last = of_protocol["fold"].max()
            raise UserError(f"{self.dataset}, protocol '{protocol}', has no fold {fold}: folds go from 0 to {last}")
        return np.sort(of_fold.loc[of_fold["role"] == role, "image"].to_numpy())

    def part(self, rows: np.ndarray) -> Self:
        """Return the images of some rising rows as a manifest without roles."""
        return type(self)(self.dataset, self.images.iloc[rows], empty_table(ROLE_COLUMNS))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            UserError: there is no manifest, it has another schema, or its content is damaged.
        """
        folder = Path(folder)
        if missing := missing_files(folder):
            raise UserError(f"{folder} is not a manifest: it has no {missing[0]}{manifest_near(folder)}")
        tables = {}
        for name in TABLES:
            path = folder / f"{name}.parquet"
            with named_damage(path, "ingest again"):
                tables[name] = pd.read_parquet(path)
        summary = read_json(folder / "manifest.json", "ingest again")
        with named_damage(folder / "manifest.json", "ingest again"):
            if summary["schema"] != SCHEMA_VERSION:
                raise UserError(f"{folder} has manifest schema {summary['schema']}, not {SCHEMA_VERSION}: ingest again")
            digests = summary["digest"], summary["files"]
            said = {name: summary[name] for name in ("dataset", "source_protocol")}
            said["warnings"] = tuple(summary["warnings"])
            said["parts"] = tuple(summary.get("parts", ()))
        with named_damage(f"the manifest in {folder}", "ingest again"):
            manifest = cls(**said, **tables)
            if (manifest.digest, manifest.files_digest) != digests:
                raise ValueError("its content has changed")
        return manifest


def missing_files(folder: Path) -> list[str]:
    """Return the names of the files that `folder` lacks to be a manifest."""
    return [name for name in FILES if not (folder / name).is_file()]


def manifest_near(folder: Path) -> str:
    """Suggest what to give instead of a folder that is no manifest, to end a sentence; empty if nothing is known."""
    near = [folder.parent, folder / "manifest", *sorted(folder.glob("*")), *sorted(folder.glob("*/manifest"))]
    found = next((each for each in near if (each / FILES[0]).is_file()), None)
    if found:
        return f": give {found}"
    if any(each.suffix.lower() in PICTURES for each in folder.glob("*/*")):
        return ": it is a folder of images, so simpgan ingest it first, and give the --out of that"
    return ""
