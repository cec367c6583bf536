"""Which column of a table is which."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

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

    The names of columns hold for every table of a run. So a column that this table lacks is read by its usual name, or
    is a remark if it has none such either. Another remark is that people or cameras may stand in a column that is not
    read.

    Args:
        there: titles in the table.
        name: name of the table, for messages.
        columns: names of the columns.
        remarks: remarks on the table.

    Raises:
        UserError: the path's column is not there; another one is not, and its name may be misspelt; or one is there
            twice.
    """
    usual = TableColumns.parse({}).model_dump()
    asked = {key: title for key, title in columns.model_dump().items() if title}
    chosen = {key: next((each for each in (title, usual[key]) if each in there), "") for key, title in asked.items()}
    lacking = [key for key, title in chosen.items() if not title]
    chosen = {key: title for key, title in chosen.items() if title}
    unread = [title for title in there if title and title not in chosen.values()]
    for title in chosen.values():
        if there.count(title) > 1:
            raise UserError(f"{name} has {there.count(title)} columns '{title}': name them differently")
    for key in lacking:
        if asked[key] != usual[key]:
            refuse_misspelt(key, asked[key], unread, name)
            if key != REQUIRED:
                remarks.of_table.append(
                    f"{name} has no column '{asked[key]}', which ingest.columns.{key} names: it is read without"
                )
    if REQUIRED in lacking:
        if not there:
            raise UserError(f"{name} is empty: write a row of titles, and a row for each image")
        raise UserError(
            f"{name} has no column '{asked[REQUIRED]}', but {', '.join(there)}: name the column of the files, as in "
            f"{as_settings([REQUIRED, *LABELS], lacking, unread)}"
        )
    guessed = as_settings(LABELS, lacking, unread)
    if guessed:
        told = ", and ".join(f"no column '{asked[key]}', so that {LABELS[key]}" for key in LABELS if key in lacking)
        remarks.of_table.append(f"{name} has {told}: if another column is meant, name it, as in {guessed}")
    return chosen


def refuse_misspelt(key: str, title: str, unread: Sequence[str], name: str) -> None:
    """Raise UserError if a column that is not read has a name like the one that was asked for."""
    if get_close_matches(title, unread, n=1, cutoff=0.5):
        raise UserError(
            f"{name} has no column '{title}', which ingest.columns.{key} names for every table: "
            f"{nearest(title, unread)}"
        )


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
