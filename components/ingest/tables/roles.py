"""The roles that a table gives to its images."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.layouts.table import Mask, drawn_probes, roles_table
from simpgan.components.ingest.tables.remarks import SHOWN
from simpgan.components.ingest.tables.rows import PROTOCOL, TEST, TableRows


def roles_in(images: pd.DataFrame, uses: pd.DataFrame, words: Sequence[str], protocols: Sequence[str]) -> pd.DataFrame:
    """Return the roles that a table gives, with its test images divided into probes and gallery.

    Args:
        images: images of the manifest, with their `file`.
        uses: as `Files.uses`.
        words: text of each code of a role.
        protocols: as `protocols_of` returns them.
    """
    place = np.full(1 + uses["file"].max(), -1)
    place[images["file"]] = np.arange(len(images))
    used = uses.assign(image=place[uses["file"]])
    used = used[(used["image"] >= 0) & (used["role"] >= 0)]
    found: list[tuple[str, int, str, Mask]] = []
    for (protocol, fold, code), some in used.groupby(["protocol", "fold", "role"]):
        mask = np.zeros(len(images), dtype=bool)
        mask[some["image"]] = True
        split = protocols[protocol], int(fold)
        name = words[code]
        if name == TEST:
            probes, gallery = drawn_probes(images, mask)
            found += [(*split, "query", probes), (*split, "gallery", gallery)]
        else:
            found.append((*split, name, mask))
    given = roles_table(found or [(PROTOCOL, 0, "train", np.zeros(len(images), dtype=bool))])
    return given.drop_duplicates(ignore_index=True)


def source_protocol(table: TableRows, protocols: Sequence[str]) -> str:
    """Return the protocol that trains a classifier: `standard` or else the first that has training images in fold 0."""
    rows = table.rows[table.rows["role"] >= 0]
    trains = (rows["role"] == table.ids["role"].known.get("train", -1)) & (rows["fold"] == 0)
    for some in (rows.loc[trains, "protocol"], rows["protocol"]):
        names = sorted({protocols[code] for code in some.unique()}, key=lambda name: (name != PROTOCOL, name))
        if names:
            return names[0]
    return PROTOCOL


def refuse_gaps(table: TableRows, protocols: Sequence[str], name: str) -> None:
    """Raise UserError if the folds of a protocol are not numbered from 0 without gaps."""
    rows = table.rows[table.rows["role"] >= 0]
    for code, folds in rows.groupby("protocol")["fold"]:
        found = sorted(folds.unique().tolist())
        if found != list(range(len(found))):
            raise UserError(
                f"{name}: protocol '{protocols[code]}' has the folds {', '.join(map(str, found[:SHOWN]))}: "
                "number them from 0 without gaps"
            )
