"""Warnings about a data set, as sentences; none of them is an error."""

from collections.abc import Iterable

import pandas as pd

from simpgan.components.core.data.suitability import correct_match, matches
from simpgan.components.ingest.layouts.base import Layout

UNRANKED = "as a target the data set is evaluated without labels there"


def count_warnings(layout: Layout, images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """Return a sentence for each role whose images or people differ from the published counts.

    The sentence has the counts of the first such fold.
    """
    of_person = roles.assign(person=images["person"].to_numpy()[roles["image"]])
    counts = of_person.groupby(["protocol", "role", "fold"])["person"].agg(["size", "nunique"])
    missing = missing_protocols(layout, roles)
    sentences = []
    for (protocol, role), published in layout.published.items():
        if published is None or protocol in missing:
            continue
        found = {
            fold: (size, people)
            for (_, _, fold), size, people in counts.query("protocol == @protocol and role == @role").itertuples()
        } or {0: (0, 0)}
        wanted_size, wanted_people = published
        unusual = [
            (fold, size, people)
            for fold, (size, people) in found.items()
            if people != wanted_people or (wanted_size is not None and size != wanted_size)
        ]
        if unusual:
            fold, size, people = unusual[0]
            wanted = f"{wanted_people:,} people" if wanted_size is None else f"{wanted_size:,} of {wanted_people:,}"
            sentences.append(
                f"{layout.name}, {protocol}, fold {fold}: {role} has {size:,} images of {people:,} people; "
                f"published are {wanted}"
            )
    return sentences


def match_warnings(layout: Layout, images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """Return a sentence for each protocol of a layout with queries that cannot be ranked, or without queries."""
    measured = {protocol for protocol, role in layout.published if role == "query"}
    return unmatched(measured - missing_protocols(layout, roles), images, roles)


def unmatched(protocols: Iterable[str], images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """Return a sentence for each of some protocols with queries that cannot be ranked, or without queries.

    A query can be ranked if a gallery image of another camera shows its person. Evaluation ignores images of the same
    person by the same camera, so other queries would silently count for nothing. Without several cameras, any other
    image of the person will do.
    """
    match = correct_match(images)
    found = matches(images, roles)
    sentences = []
    for protocol in sorted(protocols):
        matched = found.loc[found["protocol"] == protocol, "matched"]
        without = int((~matched).sum())
        if matched.empty:
            sentences.append(f"{protocol}: no query shows a person who is known: {UNRANKED}")
        elif not matched.any():
            sentences.append(f"{protocol}: none of {without:,} queries has {match}: {UNRANKED}")
        elif without:
            sentences.append(
                f"{protocol}: {without:,} queries have no{match.removeprefix('a')} and cannot be evaluated"
            )
    return sentences


def missing_protocols(layout: Layout, roles: pd.DataFrame) -> set[str]:
    """Return the protocols whose extra file the data set does not have."""
    return layout.extra_files.keys() - set(roles["protocol"].unique())
