"""The files of a table: rows of one file together, their names, and the reasons against files that are not used."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.ingest.tables.places import Places
from simpgan.components.ingest.tables.remarks import Remarks
from simpgan.components.ingest.tables.rows import TableRows, sorted_by

CONTRADICTIONS = {"person": "people", "camera": "cameras", "time": "times"}
UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Files:
    """The files of a table.

    Attributes:
        table: one row per file that can be read, sorted by name: name, size, version, the codes person and camera,
            time, and `file`, by which `uses` names it.
        start: folder below which names are paths, as `Places.start`.
        uses: one row per use of a file: file, protocol, fold and role, the last two as codes.
        rejected: name to reason of the other files.
    """

    table: pd.DataFrame
    start: str
    uses: pd.DataFrame
    rejected: dict[str, str]


def files_of(table: TableRows, places: Places) -> Files:
    """Put the rows of each file together, and look for the files.

    Rows that say the same twice are added to the table's remarks.
    """
    rows = table.rows
    is_first = (rows["place"] != rows["place"].shift()).to_numpy(dtype=bool)
    file = (np.cumsum(is_first) - 1).astype(np.int32)
    files = only(rows[["place", "number", "person", "camera", "time"]], is_first)
    names, start = names_of(files["place"], places)
    files = files.assign(name=names, file=files.index.astype(np.int32), **places.status(files["place"]))
    files = files.drop(columns="place")
    rows = rows.drop(columns="place").assign(file=file)
    reasons = contradictions(rows, table)
    for index in np.flatnonzero((files["reason"] != "").to_numpy()):
        reasons.setdefault(int(index), f"row {files['number'].iat[index]}: {files['reason'].iat[index]}")
    rejected = {str(files["name"].iat[index]): reason for index, reason in reasons.items()}
    note_refused(table, rejected)
    good = np.ones(len(files), dtype=bool)
    good[list(reasons)] = False
    uses = rows[["file", "protocol", "fold", "role"]]
    # Only rows of one file can be the same, and to compare all of them takes memory.
    repeated = np.zeros(len(uses), dtype=bool) if is_first.all() else uses.duplicated().to_numpy()
    note_repeated(rows["number"][repeated & good[file]].tolist(), table.remarks)
    found = sorted_by(only(files.drop(columns=["reason", "number"]), good), "name")
    return Files(found, start, only(uses, ~repeated), rejected)


def only(rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> pd.DataFrame:
    """Return some of the rows, numbered from 0; not a copy if these are all."""
    return rows if chosen.all() else rows[chosen].reset_index(drop=True)


def names_of(places: "pd.Series[str]", found: Places) -> tuple["pd.Series[str]", str]:
    """Return the names of files, paths below the folder that holds all of them, and that folder.

    If files lie both on this machine and in object stores, those in stores are named by their places.
    """
    stored = places.str.startswith(storage.S3)
    below = places if stored.all() else places[~stored]
    start = found.start(below)
    names = below.str.slice(len(start))
    unclear = names[names.str.contains("\\", regex=False)]
    names.update(unclear.map(lambda name: found.name(name, start)))
    return names.reindex(places.index).fillna(places), start


def contradictions(rows: pd.DataFrame, table: TableRows) -> dict[int, str]:
    """Return the reasons against files about which rows say different things, by their numbers."""
    first = np.flatnonzero(np.diff(rows["file"], prepend=-1))
    reasons: dict[int, str] = {}
    for column, things in CONTRADICTIONS.items():
        values = rows[column].fillna(-1).to_numpy(dtype=np.int64)
        for row in np.flatnonzero(values != values[first][rows["file"]]):
            file = int(rows["file"].iat[row])
            of_rows = [first[file], row]
            numbers = " and ".join(str(rows["number"].iat[each]) for each in of_rows)
            texts = " and ".join(said(int(values[each]), column, table) for each in of_rows)
            reasons.setdefault(file, f"rows {numbers} give it two {things}: {texts}")
    return reasons


def said(value: int, column: str, table: TableRows) -> str:
    """Return a code, or a time, as the table has it."""
    if value < 0:
        return UNKNOWN
    return table.ids[column].texts[value] if column in table.ids else str(value)


def note_refused(table: TableRows, rejected: dict[str, str]) -> None:
    """Add the rows whose paths lead nowhere to the rejected files."""
    for number, path, reason in table.refused:
        name = path if path and path not in rejected else f"row {number}"
        rejected[name] = f"row {number}: {reason}"


def note_repeated(numbers: list[int], remarks: Remarks) -> None:
    """Add rows that repeat others to the remarks."""
    if numbers:
        remarks.add("says what an earlier row says, and counts once", *sorted(numbers))
