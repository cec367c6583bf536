"""Which column of a table is which."""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import nearest
from simpgan.components.ingest.columns import TableColumns
from simpgan.components.ingest.tables.remarks import Remarks

REQUIRED = "path"
LABELS = {"person": "no person is known", "camera": "no camera is known"}
"""Columns whose absence is told, if another one may be meant; with what it leads to."""

OTHER_TITLES: Mapping[str, tuple[str, ...]] = {
    "path": ("file", "filename", "filepath", "image", "imagepath", "img", "imgpath", "imagefile", "crop"),
    "person": ("pid", "personid", "identity", "personname", "label", "id"),
    "camera": ("cam", "camid", "cameraid", "cameraname", "view"),
}
"""Titles that others give to columns: small letters and digits of them."""


def chosen_columns(there: Sequence[str], name: str, columns: TableColumns, remarks: Remarks) -> dict[str, str]:
    """Return the titles of the columns to read, by column of `TableColumns`.

    Adds to the remarks if people or cameras may stand in a column that is not read.

    Args:
        there: titles in the table.
        name: name of the table, for messages.
        columns: names of the columns.
        remarks: remarks on the table.

    Raises:
        UserError: the path's column, or one that has another name than by default, is not there; or is there twice.
    """
    usual = TableColumns.parse({}).model_dump()
    asked = {key: title for key, title in columns.model_dump().items() if title}
    chosen = {key: title for key, title in asked.items() if title in there}
    unread = [title for title in there if title and title not in chosen.values()]
    lacking = [key for key in asked if key not in chosen]
    for key, title in asked.items():
        if there.count(title) > 1:
            raise UserError(f"{name} has {there.count(title)} columns '{title}': name them differently")
        if key in lacking and title != usual[key]:
            raise UserError(
                f"{name} has no column '{title}', which ingest.columns.{key} names for every table: "
                f"{nearest(title, there) if there else 'it is empty'}"
            )
    if REQUIRED in lacking:
        if not there:
            raise UserError(f"{name} is empty: write a row of titles, and a row for each image")
        raise UserError(
            f"{name} has no column '{REQUIRED}', but {', '.join(there)}: name the column of the files, as in "
            f"{as_settings([REQUIRED, *LABELS], lacking, unread)}"
        )
    guessed = as_settings(LABELS, lacking, unread)
    if guessed:
        told = ", and ".join(f"no column '{key}', so that {LABELS[key]}" for key in LABELS if key in lacking)
        remarks.of_table.append(f"{name} has {told}: if another column is meant, name it, as in {guessed}")
    return chosen


def as_settings(keys: Iterable[str], lacking: Sequence[str], unread: Sequence[str]) -> str:
    """Return options that name columns which are lacking, as far as titles tell; that of the path always."""
    options = []
    for key in keys:
        found = [title for word in OTHER_TITLES[key] for title in unread if bare(title) in (word, key)]
        if key in lacking and (found or key == REQUIRED):
            title = found[0] if found else "TITLE"
            options.append(f"--set ingest.columns.{key}={shlex.quote(title)}")
    return " ".join(options)


def bare(title: str) -> str:
    """Return the letters and digits of a title, in small letters."""
    return "".join(filter(str.isalnum, title.lower()))
