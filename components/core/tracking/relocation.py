"""Correct a store that was copied or moved with its folder, so that it names the artifacts beside it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking.lineage import INPUTS

ARTIFACTS = "mlartifacts"
"""The folder beside a store."""

LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Tables and columns in which MLflow keeps full paths of artifacts."""


def relocate_store(store: Path) -> None:
    """Replace the folder that a store was copied or moved from by the folder it is in now.

    Only experiments of this program are changed: their artifacts lie beside the store. A store that was copied without
    its artifacts still reads those of the original.

    Args:
        store: file of an sqlite store; it need not exist.

    Raises:
        UserError: the store was copied, and cannot be written.
    """
    here = store.parent / ARTIFACTS
    for there in artifact_locations(store):
        if has_moved(there, here):
            relocate_inputs(here, location_path(there).parent)
            try:
                relocate_artifacts(store, there, here.as_uri())
            except sqlite3.Error as failure:
                raise UserError(
                    f"{store} was copied from {location_path(there).parent} and has to be changed where it names that "
                    f"folder, but cannot be ({failure}): copy it to a folder that can be written"
                ) from None


def artifact_locations(store: Path) -> list[str]:
    """Return where the experiments of a store keep artifacts; empty if the store is not set up."""
    if not store.is_file():
        return []
    with closing(sqlite3.connect(f"file:{quote(str(store))}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("select distinct artifact_location from experiments").fetchall()
        except sqlite3.DatabaseError:  # MLflow will say what is wrong
            return []
    return [location for (location,) in found if location]


def has_moved(there: str, here: Path) -> bool:
    """Tell whether the artifacts at the location `there` lie in the folder `here` now."""
    parts = urlsplit(there)
    if parts.scheme != "file" or not parts.path.endswith(f"/{ARTIFACTS}") or there == here.as_uri():
        return False
    before = location_path(there)
    if before.is_dir():
        return here.is_dir() and not before.samefile(here)
    return True


def location_path(location: str) -> Path:
    """Return the path of a file:// location."""
    return Path(url2pathname(urlsplit(location).path))


def relocate_artifacts(store: Path, there: str, here: str) -> None:
    """Replace the prefix `there` of every location by `here`, in one transaction."""
    with closing(sqlite3.connect(store)) as connection, connection:
        for table, column in LOCATIONS:
            connection.execute(
                f"update {table} set {column} = :here || substr({column}, length(:there) + 1)"
                f" where {column} = :there or substr({column}, 1, length(:there) + 1) = :there || '/'",
                {"there": there, "here": here},
            )


def relocate_inputs(artifacts: Path, before: Path) -> None:
    """Replace the folder `before` by the folder of the artifacts in the recorded inputs of every task."""
    for path in artifacts.glob(f"*/artifacts/{INPUTS}"):
        given = json.loads(path.read_bytes())
        changed = with_folder_replaced(given, str(before), str(artifacts.parent))
        if changed != given:
            path.write_text(json.dumps(changed, indent=2) + "\n")


def with_folder_replaced(value: Any, before: str, now: str) -> Any:
    """Return a JSON value with every path in the folder `before` moved to the folder `now`."""
    if isinstance(value, dict):
        return {name: with_folder_replaced(each, before, now) for name, each in value.items()}
    if isinstance(value, list):
        return [with_folder_replaced(each, before, now) for each in value]
    if isinstance(value, str) and (value == before or value.startswith(f"{before}/")):
        return now + value.removeprefix(before)
    return value
