"""Join the rows of several evaluations: without duplicates, in an order that does not depend on the inputs' order."""

from collections.abc import Iterable

import pandas as pd

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import place
from simpgan.components.core.results.probes import COLUMNS, no_probes, typed
from simpgan.components.core.results.rows import KEY, METRICS, ResultsRow

RATE_TOLERANCE = 0.05  # percentage points: half of the last digit that tables show
MEASURED = [metric.field for metric in METRICS.values()]
COUNTED = ("probes", "left_out", "gallery", "across_cameras")


def join(evaluations: Iterable[Iterable[ResultsRow]]) -> list[ResultsRow]:
    """Return the rows of all evaluations, each key once, in the order of `ordered`.

    If two rows of one key measured the same, such as direct transfer evaluated beside two methods, the later one is
    kept.

    Raises:
        UserError: two rows of one key have different measurements.
    """
    joined: dict[tuple[str | int, ...], ResultsRow] = {}
    for rows in evaluations:
        for row in rows:
            other = joined.setdefault(row.key, row)
            if not agree(row, other):
                raise UserError(
                    f"two results of {called(row)} differ: rank-1 {other.rank_1:.2f} and {row.rank_1:.2f}, "
                    f"mAP {other.mAP:.2f} and {row.mAP:.2f}: leave out the run that is out of date"
                )
            joined[row.key] = max(row, other, key=lambda each: (each.date, each.model_dump_json()))
    return ordered(joined.values())


def replace(older: Iterable[ResultsRow], newer: Iterable[ResultsRow]) -> list[ResultsRow]:
    """Return the rows of both, with those of `newer` in place of those of the same key, in the order of `ordered`."""
    return ordered(({row.key: row for row in older} | {row.key: row for row in newer}).values())


def ordered(rows: Iterable[ResultsRow]) -> list[ResultsRow]:
    """Sort rows by experiment, then in the order of `METHODS`, then by variant, fold and seed."""
    return sorted(
        rows,
        key=lambda row: (
            row.source,
            row.target,
            row.preset,
            row.protocol,
            place(row.method),
            row.variant,
            row.fold,
            row.seed,
        ),
    )


def agree(one: ResultsRow, other: ResultsRow) -> bool:
    """Tell whether two rows measured the same, to the digits that are shown."""
    return all(getattr(one, name) == getattr(other, name) for name in COUNTED) and all(
        abs(getattr(one, name) - getattr(other, name)) <= RATE_TOLERANCE for name in MEASURED
    )


def join_probes(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the probes of all evaluations, each once per evaluation, sorted."""
    columns = [*KEY, "probe"]
    joined = pd.concat([no_probes(), *tables]).sort_values(list(COLUMNS), kind="stable")
    return typed(joined.drop_duplicates(columns, keep="last").reset_index(drop=True))


def called(row: ResultsRow) -> str:
    """Describe a row on one line."""
    variant = f" ({row.variant})" if row.variant else ""
    preset = f", preset {row.preset}" if row.preset else ""
    where = f"{row.source} → {row.target}{preset}, {row.protocol}, fold {row.fold}, seed {row.seed}"
    return f"{row.method}{variant} on {where}"
