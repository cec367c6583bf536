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
            for number in rows.loc[rows["person"] == people.known[word], "number"]:
                told = f"'{word}' counts as a person: leave the column empty where the person is unknown"
                table.remarks.add(told, int(number))
    missing = rows["camera"] < 0
    if not missing.all():
        for number in rows.loc[missing, "number"]:
            table.remarks.add("no camera, so that these images are compared with those of every camera", int(number))


def repeated_pictures(images: pd.DataFrame, digests: NDArray[np.uint8]) -> list[str]:
    """Return a sentence if pictures with the same bytes are said to show different people.

    Args:
        images: name and person of each image.
        digests: uint8 [N, 32], sha256 of each image.
    """
    beginnings = pd.Series(digests[:, :8].copy().view(np.int64)[:, 0])
    alike = np.flatnonzero(beginnings.duplicated(keep=False))
    hexadecimal = [digests[row].tobytes().hex() for row in alike]
    labelled = images[["name", "person"]].iloc[alike].assign(sha256=hexadecimal).dropna()
    labelled = labelled[labelled["sha256"].duplicated(keep=False)]
    several = labelled.groupby("sha256")["person"].transform("nunique") > 1
    told = labelled[several].sort_values(["sha256", "name"])
    if told.empty:
        return []
    first = told[told["sha256"] == told["sha256"].iloc[0]].drop_duplicates("person")["name"].tolist()
    return [
        f"{len(told):,} images have the same bytes as an image of somebody else, such as {first[0]} and {first[1]}: "
        "one of the labels is wrong"
    ]


def people_in_both(images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """Return a sentence for each split whose training and test images show the same people."""
    shown = roles.assign(person=images["person"].to_numpy()[roles["image"]]).dropna(subset="person")
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
