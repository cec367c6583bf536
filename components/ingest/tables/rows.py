"""The rows of a table in compact columns, and the rows that do not go together."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.tables.places import Unplaced
from simpgan.components.ingest.tables.reading import Rows
from simpgan.components.ingest.tables.remarks import Remarks

ROLES = {"train": "train", "query": "query", "probe": "query", "gallery": "gallery", "test": "test"}
"""Roles by the words for them; `test` images are divided into probes and gallery."""
TEST = "test"
UNUSED = ("val", "validation", "dev")
"""Words for images that have no role here."""
PROTOCOL = "standard"
"""Protocol of rows that name none."""
NAME_OF_PROTOCOL = re.compile(r"[^\s:,]+")
LARGEST = 2**63 - 1


@dataclass
class Ids:
    """Codes, from 0, of the texts in a column; -1 for an empty one.

    Attributes:
        texts: text of each code.
        rows: number of the first row with it.
    """

    texts: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=lambda: {"": -1})

    def codes(self, values: Iterable[str], numbers: Iterable[int]) -> NDArray[np.int32]:
        """Return the codes of some values, [N]."""
        return np.fromiter(map(self.code, values, numbers), np.int32)

    def code(self, value: str, number: int) -> int:
        """Return the code of a value, which is new or not."""
        code = self.known.get(value)
        if code is None:
            code = self.known[value] = len(self.texts)
            self.texts.append(value)
            self.rows.append(number)
        return code


@dataclass(frozen=True, eq=False)
class TableRows:
    """The rows of a table whose paths lead somewhere, sorted by place; those of one place in their order.

    Attributes:
        rows: place, number (of the row), the codes person, camera, protocol and role, fold, and time (<NA>: unknown).
        ids: texts of the codes, by column.
        refused: number, path and reason of the other rows.
        remarks: rows to warn of.
    """

    rows: pd.DataFrame
    ids: dict[str, Ids]
    refused: list[tuple[int, str, str]]
    remarks: Remarks


def collect(blocks: Iterable[Rows], place: Callable[[str], str], name: str, remarks: Remarks) -> TableRows:
    """Collect the rows of a table.

    Args:
        blocks: rows of the table.
        place: returns the place of a path, as in `Places`.
        name: name of the table, for messages.
        remarks: remarks on the table, to which those on rows are added.

    Raises:
        UserError: a role, protocol or fold is none.
    """
    ids = {column: Ids() for column in ("person", "camera", "protocol", "role")}
    refused: list[tuple[int, str, str]] = []
    tables = [compact([], [], {}, ids, name, remarks)]
    for block in blocks:
        places, kept = [], []
        for index, (number, path) in enumerate(zip(block.numbers, block.values["path"], strict=True)):
            try:
                if not path:
                    raise Unplaced("has no path")
                places.append(place(path))
                kept.append(index)
            except Unplaced as reason:
                refused.append((number, path, str(reason)))
        values = {column: [texts[index] for index in kept] for column, texts in block.values.items()}
        tables.append(compact(places, [block.numbers[index] for index in kept], values, ids, name, remarks))
    return TableRows(sorted_by(pd.concat(tables, ignore_index=True), "place"), ids, refused, remarks)


def sorted_by(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return rows sorted by a column, in their order where it is the same; not a copy if they are sorted already."""
    order = rows[column].array.argsort(kind="stable")
    if (np.diff(order) > 0).all():
        return rows
    return rows.take(order).reset_index(drop=True)


def compact(
    places: Sequence[str],
    numbers: Sequence[int],
    values: dict[str, list[str]],
    ids: dict[str, Ids],
    name: str,
    remarks: Remarks,
) -> pd.DataFrame:
    """Return rows as compact columns, and add to `ids` and `remarks`."""
    empty = [""] * len(numbers)
    said = zip(values.get("role", empty), values.get("split", empty), numbers, strict=True)
    texts = {
        **values,
        "role": [role_of(role or split, number, name, remarks) for role, split, number in said],
        "protocol": [text or PROTOCOL for text in values.get("protocol", empty)],
    }
    times = [time_of(text, number, remarks) for text, number in zip(values.get("time", empty), numbers, strict=True)]
    folds = [fold_of(text, number, name) for text, number in zip(values.get("fold", empty), numbers, strict=True)]
    return pd.DataFrame(
        {
            "place": pd.array(list(places), dtype="str"),
            "number": np.array(numbers, dtype=np.int32),
            **{column: own.codes(texts.get(column, empty), numbers) for column, own in ids.items()},
            "fold": np.array(folds, dtype=np.int32),
            "time": pd.array(times, dtype="Int64"),
        }
    )


def role_of(text: str, number: int, name: str, remarks: Remarks) -> str:
    """Return the role that a word means; empty for none.

    Raises:
        UserError: the word is unknown.
    """
    word = text.lower()
    if word in UNUSED:
        remarks.add("for validation, which is not done here, so the images are not used", number)
        return ""
    if word and word not in ROLES:
        raise UserError(
            f"{name}: row {number} has the role '{text}': write {', '.join(ROLES)}, or nothing for an image without a "
            "role; ingest.columns.role names the column of roles"
        )
    return ROLES.get(word, "")


def fold_of(text: str, number: int, name: str) -> int:
    """Return the fold in a text; 0 if it is empty.

    Raises:
        UserError: it is no whole number from 0.
    """
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UserError(f"{name}: row {number} has the fold '{text}': write a whole number from 0")
    return int(text or 0)


def time_of(text: str, number: int, remarks: Remarks) -> int | None:
    """Return a frame number, seconds, or a date and time as seconds since 1970; None if it is unknown.

    Times without a zone are taken as UTC: only their differences matter.
    """
    if not text:
        return None
    try:
        try:
            seconds = float(text)
        except ValueError:
            moment = datetime.fromisoformat(text)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        whole = int(text) if text.isascii() and text.isdigit() else int(seconds)
        if abs(whole) > LARGEST:
            raise OverflowError
    except (ValueError, OverflowError):
        remarks.add("the time is no number and no ISO date, and counts as unknown", number)
        return None
    return whole


def protocols_of(table: TableRows, name: str) -> list[str]:
    """Return the name of the protocol of each code.

    Raises:
        UserError: a protocol cannot be called so on a command line.
    """
    own = table.ids["protocol"]
    for text, number in zip(own.texts, own.rows, strict=True):
        if not NAME_OF_PROTOCOL.fullmatch(text):
            raise UserError(f"{name}: row {number} has the protocol '{text}': take a name without spaces, ':' and ','")
    return own.texts
