"""What a table says that may not be meant so."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.ingest.tables.rows import TableRows

UNKNOWN_WORDS = ("-1", "nan", "NaN", "None", "none", "null", "NULL", "NA", "N/A")
"""What other programs write for an unknown person."""


def note_unclear(table: TableRows) -> None:
    """Add rows to the table's remarks whose labels may not mean what they say."""
    rows, people = table.rows, table.ids["person"]
    for word in UNKNOWN_WORDS:
        if word in people.known:
            told = f"'{word}' counts as a person: leave the column empty where the person is unknown"
            table.remarks.add(told, *numbers_where(rows["person"] == people.known[word], rows))
    missing = rows["camera"] < 0
    if missing.any() and not missing.all():
        told = "no camera, so that these images are compared with those of every camera"
        table.remarks.add(told, *numbers_where(missing, rows))


def numbers_where(chosen: "pd.Series[bool]", rows: pd.DataFrame) -> list[int]:
    """Return the numbers of some rows of a table, ascending."""
    return sorted(rows.loc[chosen, "number"].tolist())


def repeated_pictures(images: pd.DataFrame, digests: NDArray[np.uint8]) -> list[str]:
    """Return a sentence if pictures with the same bytes are said to show different people.

    Args:
        images: name and person of each image, sorted by name.
        digests: uint8 [N, 32], sha256 of each image; 8 bytes of it tell images apart.
    """
    labelled = pd.DataFrame({"person": images["person"], "picture": digests[:, :8].copy().view(">u8")[:, 0]})
    labelled = labelled.astype({"picture": "uint64"}).dropna()
    labelled = labelled[labelled["picture"].duplicated(keep=False)]
    people = labelled.groupby("picture")["person"]
    told = labelled[people.transform("min") != people.transform("max")]
    if told.empty:
        return []
    alike = told[told["picture"] == told["picture"].min()].drop_duplicates("person").index[:2]
    first = images["name"].iloc[alike].tolist()
    return [
        f"{len(told):,} images have the same bytes as an image of somebody else, such as {first[0]} and {first[1]}: "
        "one of the labels is wrong"
    ]


def people_in_both(images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """Return a sentence for each split whose training and test images show the same people."""
    measured = roles["protocol"].isin(roles.loc[roles["role"] == "query", "protocol"].unique())
    shown = roles[measured]
    shown = shown.assign(person=images["person"].array.take(shown["image"])).dropna(subset="person")
    sentences = []
    for (protocol, fold), some in shown.groupby(["protocol", "fold"]):
        trained = some.loc[some["role"] == "train", "person"].unique()
        probes = some.loc[some["role"] == "query", "person"]
        both = int(probes[probes.isin(trained)].nunique())
        if both:
            sentences.append(
                f"{protocol}, fold {fold}: {both:,} people are among the training images and the queries, so a model "
                "that is trained on this data set is tested on people it knows"
            )
    return sentences
