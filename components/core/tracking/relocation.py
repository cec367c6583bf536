"""A store that was copied or moved with its folder: the artifacts beside it are its own, wherever it was written."""

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
"""Where MLflow's tables have full paths of artifacts."""


def bring_along(store: Path) -> None:
    """Name the folder beside a store wherever it names the one it was copied or moved from.

    Only the experiments that this program makes are touched: their artifacts lie beside the store. A store that was
    copied without its artifacts goes on reading those of the original.

    Args:
        store: file of an sqlite store; there may be none yet.

    Raises:
        UserError: the store was copied, and cannot be written.
    """
    here = store.parent / ARTIFACTS
    for there in locations_of(store):
        if has_moved(there, here):
            change_inputs(here, path_of(there).parent)
            try:
                change_locations(store, there, here.as_uri())
            except sqlite3.Error as failure:
                raise UserError(
                    f"{store} was copied from {path_of(there).parent} and has to be changed where it names that "
                    f"folder, but cannot be ({failure}): copy it to a folder that can be written"
                ) from None


def locations_of(store: Path) -> list[str]:
    """Where the experiments of a store keep artifacts; none if it is not set up."""
    if not store.is_file():
        return []
    with closing(sqlite3.connect(f"file:{quote(str(store))}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("select distinct artifact_location from experiments").fetchall()
        except sqlite3.DatabaseError:  # MLflow will say what is wrong
            return []
    return [location for (location,) in found if location]


def has_moved(there: str, here: Path) -> bool:
    """Whether `there`, a location of artifacts, stands for what lies in the folder `here` now."""
    parts = urlsplit(there)
    if parts.scheme != "file" or not parts.path.endswith(f"/{ARTIFACTS}") or there == here.as_uri():
        return False
    before = path_of(there)
    if before.is_dir():
        return here.is_dir() and not before.samefile(here)
    return True


def path_of(location: str) -> Path:
    """The path of a file:// location."""
    return Path(url2pathname(urlsplit(location).path))


def change_locations(store: Path, there: str, here: str) -> None:
    """Put `here` in the place of `there` at the beginning of every location, all of them or none."""
    with closing(sqlite3.connect(store)) as connection, connection:
        for table, column in LOCATIONS:
            connection.execute(
                f"update {table} set {column} = :here || substr({column}, length(:there) + 1)"
                f" where {column} = :there or substr({column}, 1, length(:there) + 1) = :there || '/'",
                {"there": there, "here": here},
            )


def change_inputs(artifacts: Path, before: Path) -> None:
    """In what each task was given, name the folder of the artifacts where they name the one `before`."""
    for path in artifacts.glob(f"*/artifacts/{INPUTS}"):
        given = json.loads(path.read_bytes())
        changed = moved(given, str(before), str(artifacts.parent))
        if changed != given:
            path.write_text(json.dumps(changed, indent=2) + "\n")


def moved(value: Any, before: str, now: str) -> Any:
    """A JSON value in which every path in the folder `before` is one in the folder `now`."""
    if isinstance(value, dict):
        return {name: moved(each, before, now) for name, each in value.items()}
    if isinstance(value, list):
        return [moved(each, before, now) for each in value]
    if isinstance(value, str) and (value == before or value.startswith(f"{before}/")):
        return now + value.removeprefix(before)
    return value
