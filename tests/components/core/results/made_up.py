"""Made-up rows of results and probes."""

import numpy as np
import pandas as pd

from simpgan.components.core.results.probes import no_probes, probes_of
from simpgan.components.core.results.rows import ResultsRow


def row(method="direct", rank_1=10.0, fold=0, seed=0, protocol="folds10", **other):
    rates = dict.fromkeys(["rank_5", "rank_10", "rank_20", "mAP", "mAP_trapezoidal", "mINP"], 50.0)
    names = {"source": "market1501", "target": "grid", "protocol": protocol, "method": method}
    return ResultsRow(**{**rates, **names, "probes": 125, "gallery": 900, **other}, rank_1=rank_1, fold=fold, seed=seed)


def ranked(method, first_ranks, **other):
    """A row with its probes, whose only correct image stands at `first_ranks` (0: left out)."""
    ranks = np.array(first_ranks)
    found = ranks[ranks > 0]
    precision = np.where(ranks > 0, 1 / np.maximum(ranks, 1), np.nan)
    rates = {f"rank_{cutoff}": 100 * np.mean(found <= cutoff) for cutoff in (5, 10, 20)}
    counts = {"probes": len(found), "left_out": len(ranks) - len(found), "gallery": 1025, "protocol": "all250"}
    made = row(method, 100 * np.mean(found == 1), mAP=100 * np.nanmean(precision), **{**rates, **counts, **other})
    return made, probes_of(made, [f"{place:04}.png" for place in range(len(ranks))], ranks, precision)


def together(*evaluations):
    """Rows and probes of several `ranked`."""
    rows, probes = zip(*evaluations, strict=True)
    return list(rows), pd.concat([no_probes(), *probes], ignore_index=True)
