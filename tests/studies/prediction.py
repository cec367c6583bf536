"""How well numbers that need no labels predict rates that do."""

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

RATES = ("rank-1", "mAP")
NOT_MEASURES = ("training", "step", "seconds", *RATES)
RESAMPLES = 1000


def report(rows: pd.DataFrame, about: str) -> str:
    """Tables in Markdown, of a row a candidate: training, step, the rates in percent, seconds, score and measures."""
    recorded, candidates = (rows[chosen] for chosen in (rows["step"] == 0, rows["step"] > 0))
    trainings = candidates["training"].nunique()
    parts = [
        f"{about}; {len(candidates)} candidates of {trainings} trainings; measuring one took "
        f"{candidates['seconds'].median():.0f} s (median).",
        "",
        "| measure | Spearman with rank-1 | with mAP |",
        "| --- | --: | --: |",
    ]
    for measure in candidates.columns.drop(list(NOT_MEASURES)):
        cells = [correlation(candidates, measure, rate) for rate in RATES]
        parts.append(f"| {measure} | " + " | ".join(cells) + " |")
    parts += [
        "",
        "| rank-1 / mAP | lowest score | last | best | mean |",
        "| --- | --: | --: | --: | --: |",
    ]
    each = [choices(training) for _, training in candidates.groupby("training")]
    chosen = candidates.loc[candidates["score"].idxmin()]
    among_all = choices(candidates)
    for title, table in (
        ("a checkpoint of each training, mean", sum(each) / len(each)),
        (f"of all candidates ({chosen['training']}, step {chosen['step']})", among_all.drop(columns="last")),
        ("as recorded, for comparison", pd.DataFrame({"mean": recorded[list(RATES)].mean()})),
    ):
        filled = table.reindex(columns=["lowest score", "last", "best", "mean"])
        cells = [
            "" if column.isna().any() else " / ".join(f"{value:.1f}" for value in column)
            for _, column in filled.items()
        ]
        parts.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(parts)


def correlation(candidates: pd.DataFrame, measure: str, rate: str) -> str:
    """Spearman's, with its 95 % bootstrap interval; trainings are drawn, for candidates of one resemble each other."""
    by_training = [training[[measure, rate]].to_numpy() for _, training in candidates.groupby("training")]
    over_all = spearman(np.concatenate(by_training))
    if np.isnan(over_all):
        return "undefined"
    draws = np.random.default_rng(0).integers(len(by_training), size=(RESAMPLES, len(by_training)))
    resampled = [spearman(np.concatenate([by_training[place] for place in draw])) for draw in draws]
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return f"{over_all:+.2f} [{low:+.2f}, {high:+.2f}]"


def spearman(pairs: np.ndarray) -> float:
    """Rank correlation of two columns; NaN where one is constant."""
    if (pairs == pairs[0]).all(0).any():
        return float("nan")
    return float(spearmanr(pairs).statistic)


def choices(candidates: pd.DataFrame) -> pd.DataFrame:
    """Rates (rows) of the candidate with the lowest score, of the last, of the best of each rate, and their mean."""
    rates = candidates[list(RATES)]
    return pd.DataFrame(
        {
            "lowest score": rates.loc[candidates["score"].idxmin()],
            "last": rates.loc[candidates["step"].idxmax()],
            "best": rates.max(),
            "mean": rates.mean(),
        }
    )
