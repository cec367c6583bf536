"""Assign every row of results to a table: the main table of the first page, or a table of the ablations."""

from collections.abc import Sequence
from dataclasses import dataclass

from simpgan.components.core.results.methods import (
    CAMERA_ADABN,
    JOINED,
    METHODS,
    RERANKED,
    STATISTICS,
    WHITENED,
    baseline_of,
    parsed,
    trains_nothing,
    with_part,
)
from simpgan.components.core.results.summary import Summary

MAIN_ROWS = 12
"""Longer tables give no overview."""

CAMERA_FUSED = with_part(CAMERA_ADABN, "fused")
CAMERA_JOINED = with_part(CAMERA_ADABN, JOINED)
WITHOUT_TRAINING = (
    CAMERA_FUSED,
    with_part(CAMERA_ADABN, WHITENED),
    CAMERA_JOINED,
    with_part(CAMERA_JOINED, "fused"),
    with_part(CAMERA_JOINED, WHITENED),
)
"""Ways to compare the features with AdaBN per camera that train nothing for the target."""

BASELINES = ("direct", *STATISTICS)
"""Methods that every other method has to improve on."""


@dataclass(frozen=True)
class TableGroup:
    """Rows of the ablations that answer one question, and a sentence that describes them."""

    title: str
    about: str
    summaries: Sequence[Summary]


def main_rows(summaries: Sequence[Summary]) -> list[Summary]:
    """Return the rows of the main table, in the order of `summaries`.

    They show whether training a translation helps, without and with AdaBN: the baselines, every trained method by
    itself, to compare with direct transfer, and with AdaBN, to compare with AdaBN, of the whole set and per camera. A
    sweep is an ablation unless its method has no other row. If there are more than `MAIN_ROWS`, the least important
    ones become ablations: methods with AdaBN per camera, then those with AdaBN, then methods by themselves, and of
    these, the less prominent ones first.
    """
    plain = {each.method for each in summaries if not each.variant}
    candidates = [
        each for each in summaries if step(each.method) is not None and not (each.variant and each.method in plain)
    ]
    kept = set(map(key_of, sorted(candidates, key=importance)[:MAIN_ROWS]))
    return [each for each in candidates if key_of(each) in kept]


def key_of(summary: Summary) -> tuple[str, str]:
    """Return the key of a row in its table."""
    return summary.method, summary.variant


def importance(summary: Summary) -> tuple[int, int, str]:
    """Return the sort key of `main_rows`: the most important row first."""
    base = parsed(summary.method)[0]
    prominence = METHODS[base].prominence if base in METHODS else 0
    return step(summary.method) or 0, -prominence, summary.variant


def step(method: str) -> int | None:
    """Return the importance of a method's row, 0 first; None for an ablation.

    0 is a baseline; 1 is a trained method by itself, or one of `WITHOUT_TRAINING`; 2 and 3 are trained methods with
    `STATISTICS`.
    """
    if method in BASELINES:
        return 0
    if method in WITHOUT_TRAINING:
        return 1
    base, parts = parsed(method)
    if trains_nothing(base):
        return None
    if not parts:
        return 1
    [part] = parts if len(parts) == 1 else [""]
    return 2 + STATISTICS.index(part) if part in STATISTICS and baseline_of(method) == part else None


def ablations(summaries: Sequence[Summary]) -> list[TableGroup]:
    """Return all rows that `main_rows` leaves out, each in the first group that takes it; empty groups are left out."""
    main = set(map(key_of, main_rows(summaries)))
    groups: dict[str, list[Summary]] = {title: [] for title in ABOUT}
    for each in summaries:
        if key_of(each) not in main:
            groups[group_of(each)].append(each)
    return [TableGroup(title, ABOUT[title], found) for title, found in groups.items() if found]


SWEEPS, COLOURS, OF_SEVERAL, FUSED, WHITE, VERIFICATION, RERANKING, FURTHER = (
    "Swept settings", "Matched colours", "Joined features", "Fused features", "Whitened features", "Verification score",
    "Re-ranking", "Further rows",
)  # fmt: skip
ABOUT = {
    SWEEPS: "The same method with other values of a setting.",
    COLOURS: "Nothing is trained: each colour channel of the target gets the mean and deviation of the source, for the "
    "whole set or for each image.",
    OF_SEVERAL: "The features of classifiers that were trained on different sources are joined.",
    FUSED: "The features of an image as recorded and as translated are joined, or those with the statistics of its "
    "camera and with the classifier's own.",
    WHITE: "The directions in which the features of the unlabelled images vary most count less.",
    VERIFICATION: "Images are ranked by the score that the classifier learned for pairs (the paper's Eq. 1) instead of "
    "the cosine of their features.",
    RERANKING: "Lists are ordered again by the neighbours that images share, among all probes and gallery images.",
    FURTHER: "Rows that the main table has no room for.",
}
OF_PART = {"verification": VERIFICATION, RERANKED: RERANKING, WHITENED: WHITE, JOINED: OF_SEVERAL, "fused": FUSED}
"""The group of rows with a part; the first part here that a row has decides."""


def group_of(summary: Summary) -> str:
    """Return the title of the group of a row."""
    base, parts = parsed(summary.method)
    for part, group in OF_PART.items():
        if part in parts:
            return group
    if summary.variant:
        return SWEEPS
    return COLOURS if trains_nothing(base) else FURTHER
