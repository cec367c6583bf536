"""Made-up rows of results."""

from components.core.results.rows import ResultsRow


def row(method="direct", rank_1=10.0, fold=0, seed=0, protocol="folds10", **other):
    rates = dict.fromkeys(["rank_5", "rank_10", "rank_20", "mAP", "mAP_trapezoidal", "mINP"], 50.0)
    names = {"source": "market1501", "target": "grid", "protocol": protocol, "method": method}
    return ResultsRow(**{**rates, **names, "probes": 125, "gallery": 900, **other}, rank_1=rank_1, fold=fold, seed=seed)
