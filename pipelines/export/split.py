"""The images of one split, and the folder that they are exported to."""

from pathlib import Path

import pandas as pd

from simpgan.components.core.data.manifest import ROLES, Manifest
from simpgan.components.core.data.manifest_tables import NAMED
from simpgan.components.core.errors import UserError

NAME_FILES = {"person": "people.csv", "camera": "cameras.csv"}


def refuse_filled(out: Path) -> None:
    """Raise UserError unless `out` is an empty folder or not there yet."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out} is not an empty folder: give an --out that is empty or not there yet")


def images_with_roles(manifest: Manifest, protocol: str, fold: int) -> pd.DataFrame:
    """Return the images to export, one row per file: row and image (its number and name), person, camera, time, role.

    They are sorted by role, in the order of `ROLES`, and by row. An image with two roles has two rows.

    Raises:
        UserError: there is no such protocol or fold.
    """
    columns = ["name", "person", "camera", "time"]
    parts = [manifest.images.loc[manifest.rows(protocol, fold, role), columns].assign(role=role) for role in ROLES]
    return pd.concat(parts).rename_axis("row").reset_index().rename(columns={"name": "image"})


def people_in_training_and_test(images: pd.DataFrame) -> int:
    """Count the people among images to export who are in training and among the queries."""
    people = [set(images.loc[images["role"] == role, "person"].dropna()) for role in ("train", "query")]
    return len(set.intersection(*people))


def write_names(manifest: Manifest, images: pd.DataFrame, folder: Path) -> None:
    """Write people.csv and cameras.csv, the names of the numbers among images to export, for those that have names."""
    exported = manifest.images.iloc[images["row"].unique()]
    for label in NAMED:
        names = exported.loc[exported[f"{label}_name"] != "", [label, f"{label}_name"]].drop_duplicates()
        if len(names):
            names.sort_values(label).to_csv(folder / NAME_FILES[label], index=False)
