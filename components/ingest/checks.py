"""What is unusual about a data set, in sentences: warnings, never errors."""

import pandas as pd

from components.ingest.layouts.base import Layout


def count_warnings(layout: Layout, images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """A sentence for each role whose images or people are not as many as published, naming its first such fold."""
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


def match_warnings(images: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """A sentence for each protocol with queries that no other camera's gallery image matches: evaluation ignores
    images of the same person by the same camera, so such queries would silently count for nothing."""
    shown = roles.join(images[["person", "camera"]], on="image").dropna(subset="person")
    key = ["protocol", "fold", "person"]
    queries = shown[shown["role"] == "query"]
    gallery = shown.loc[shown["role"] == "gallery", [*key, "camera"]].drop_duplicates()
    pairs = queries.merge(gallery, on=key, how="left", suffixes=("", "_gallery"), indicator="found")
    pairs["matches"] = (pairs["found"] == "both") & (pairs["camera"] != pairs["camera_gallery"]).fillna(True)
    matched = pairs.groupby(["protocol", "fold", "image"])["matches"].any()
    return [
        f"{protocol}: {count:,} queries have no correct match by another camera and cannot be evaluated"
        for protocol, count in (~matched).groupby("protocol").sum().items()
        if count
    ]
