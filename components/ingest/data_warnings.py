"""Warnings about a data set, as sentences; none of them is an error."""

import pandas as pd

from simpgan.components.core.data.suitability import matches
from simpgan.components.ingest.layouts.base import Layout

UNRANKED = "as a target the data set is evaluated without labels there"


def count_warnings(layout: Layout, images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """Return a sentence for each role whose images or people differ from the published counts.

    The sentence has the counts of the first such fold.
    """
    of_person = roles.assign(person=images["person"].to_numpy()[roles["image"]])
    counts = of_person.groupby(["protocol", "role", "fold"])["person"].agg(["size", "nunique"])
    sentences = []
    for (protocol, role), published in layout.published.items():
        if published is None:
            continue
        found = {
            fold: (size, people)
            for (_, _, fold), size, people in counts.query("protocol == @protocol and role == @role").itertuples()
        } or {0: (0, 0)}
        unusual = [(fold, count) for fold, count in found.items() if count != published]
        if unusual:
            fold, (size, people) = unusual[0]
            sentences.append(
                f"{layout.name}, {protocol}, fold {fold}: {role} has {size:,} images of {people:,} people; "
                f"published are {published[0]:,} of {published[1]:,}"
            )
    return sentences


def match_warnings(layout: Layout, images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """Return a sentence for each protocol with queries that cannot be ranked, or without queries.

    A query can be ranked if a gallery image of another camera shows its person. Evaluation ignores images of the same
    person by the same camera, so other queries would silently count for nothing.
    """
    found = matches(images, roles)
    sentences = []
    for protocol in sorted(protocol for protocol, role in layout.published if role == "query"):
        matched = found.loc[found["protocol"] == protocol, "matched"]
        without = int((~matched).sum())
        if matched.empty:
            sentences.append(f"{protocol}: no query shows a person who is known: {UNRANKED}")
        elif not matched.any():
            sentences.append(
                f"{protocol}: none of {without:,} queries has a correct match by another camera: {UNRANKED}"
            )
        elif without:
            sentences.append(
                f"{protocol}: {without:,} queries have no correct match by another camera and cannot be evaluated"
            )
    return sentences
