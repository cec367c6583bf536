"""New files at a location, in parts that are read one by one: a folder with listing.parquet and listing.json."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import pandas as pd

from simpgan.components.core import storage
from simpgan.components.core.damaged_files import named_damage, read_json
from simpgan.components.core.data.manifest_tables import OBJECT_COLUMNS, update, with_columns
from simpgan.components.core.errors import UserError

COLUMNS = {**OBJECT_COLUMNS, "part": "int64"}
FILES = ("listing.json", "listing.parquet")


@dataclass(frozen=True, eq=False)
class Listing:
    """Files to read.

    Attributes:
        location: folder or `s3://` prefix.
        objects: name (below the location), size (bytes), version, part (from 0); sorted by name.
    """

    location: str
    objects: pd.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "objects", with_columns(self.objects, COLUMNS, "objects"))

    @classmethod
    def split(cls, location: str, objects: pd.DataFrame, images: int) -> Self:
        """Divide the objects into parts of `images` files."""
        return cls(location, objects.assign(part=range(len(objects))).assign(part=lambda rows: rows["part"] // images))

    @property
    def parts(self) -> list[int]:
        """Return the numbers of the parts."""
        return sorted(self.objects["part"].unique().tolist())

    @cached_property
    def digest(self) -> str:
        """Return the sha256 (hex) of the listing."""
        content = hashlib.sha256(f"{self.location}\n".encode("utf-8", "surrogateescape"))
        update(content, self.objects)
        return content.hexdigest()

    def part_objects(self, part: int) -> pd.DataFrame:
        """Return the objects of a part: name, size, version.

        Raises:
            UserError: there is no such part.
        """
        if part not in self.parts:
            raise UserError(f"the listing of {self.location} has no part {part}: it has {len(self.parts)} parts from 0")
        return self.objects.loc[self.objects["part"] == part, list(OBJECT_COLUMNS)].reset_index(drop=True)

    def save(self, folder: Path) -> None:
        """Write the listing into `folder`; its listing.json is written last and completes it."""
        storage.write_bytes(str(folder / "listing.parquet"), self.objects.to_parquet(index=False))
        summary = {"location": self.location, "objects": len(self.objects), "digest": self.digest}
        storage.write_bytes(str(folder / "listing.json"), (json.dumps(summary, indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            UserError: `folder` holds no listing, or a damaged one.
        """
        for name in FILES:
            if not (folder / name).is_file():
                raise UserError(f"no listing in '{folder}': it has no {name}; give the folder that watch wrote")
        summary = read_json(folder / "listing.json", "watch again")
        with named_damage(folder / "listing.parquet", "watch again"):
            objects = pd.read_parquet(folder / "listing.parquet")
        with named_damage(f"the listing in '{folder}'", "watch again"):
            listing = cls(summary["location"], objects)
            if listing.digest != summary["digest"]:
                raise ValueError("its content has changed")
        return listing
