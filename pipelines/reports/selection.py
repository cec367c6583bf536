"""Which translation one would take without a label of the target, and what that choice costs, in words."""

from collections.abc import Sequence
from itertools import groupby

from simpgan.components.core.results.methods import name_of
from simpgan.components.core.results.rows import ResultsRow


def choices(rows: Sequence[ResultsRow]) -> list[str]:
    """For each split in which several translations have a label-free score, a sentence about the lowest one's."""
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
    """Return what the translations to choose from share: source, protocol, fold and seed."""
    return row.source, row.protocol, row.fold, row.seed
