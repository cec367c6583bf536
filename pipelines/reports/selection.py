"""Describe which translation one would select without labels of the target, and the cost of that choice."""

from collections.abc import Sequence
from itertools import groupby

from simpgan.components.core.results.methods import name_of
from simpgan.components.core.results.rows import ResultsRow


def choices(rows: Sequence[ResultsRow]) -> list[str]:
    """Return one sentence for each split with several translations that have a label-free score."""
    scored = [row for row in rows if row.score is not None and "+" not in row.method]
    sentences = []
    for (source, protocol, fold, seed), group in groupby(sorted(scored, key=split_of), split_of):
        translations = list(group)
        if len(translations) < 2:
            continue
        chosen = min(translations, key=lambda row: row.score or 0)
        best = max(translations, key=lambda row: row.rank_1)
        sentences.append(
            f"{source}, {protocol}, fold {fold}, seed {seed}: without labels one would choose "
            f"{name_of(chosen.method, chosen.variant)}, whose score of {chosen.score:.3g} is the lowest; it has "
            f"{chosen.rank_1:.1f} % rank-1, the best of {len(translations)} has {best.rank_1:.1f} %."
        )
    return sentences


def split_of(row: ResultsRow) -> tuple[str, str, int, int]:
    """Return what the translations to choose from share."""
    return row.source, row.protocol, row.fold, row.seed
