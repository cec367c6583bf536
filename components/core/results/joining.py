"""Rows of several evaluations as one list: without duplicates, in an order that does not depend on who came first."""

from collections.abc import Iterable

import pandas as pd

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import place
from simpgan.components.core.results.probes import COLUMNS, no_probes, typed
from simpgan.components.core.results.rows import KEY, METRICS, ResultsRow

RATE_TOLERANCE = 0.05  # percentage points: half of the last digit that tables show
MEASURED = [metric.field for metric in METRICS.values()]
COUNTED = ("probes", "left_out", "gallery")


def join(evaluations: Iterable[Iterable[ResultsRow]]) -> list[ResultsRow]:
    """Join the rows of all evaluations: each key once, in the order of `ordered`.

    Two rows of one key that measured the same, such as direct transfer evaluated beside two methods, become one: the
    one of the later date.

    Raises:
        UserError: two rows of one key differ in what they measured.
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
    """Replace rows of `older` by those of `newer` with the same key; the result is in the order of `ordered`."""
    return ordered(({row.key: row for row in older} | {row.key: row for row in newer}).values())


def ordered(rows: Iterable[ResultsRow]) -> list[ResultsRow]:
    """Rows by experiment, then in the order methods are listed in, then by variant, fold and seed."""
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
    """Whether two rows measured the same, to the digits that are shown."""
    return all(getattr(one, name) == getattr(other, name) for name in COUNTED) and all(
        abs(getattr(one, name) - getattr(other, name)) <= RATE_TOLERANCE for name in MEASURED
    )


def join_probes(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join and sort the probes of all evaluations; each occurs once per evaluation."""
    columns = [*KEY, "probe"]
    joined = pd.concat([no_probes(), *tables]).sort_values(list(COLUMNS), kind="stable")
    return typed(joined.drop_duplicates(columns, keep="last").reset_index(drop=True))


def called(row: ResultsRow) -> str:
    """Return a row's experiment, method and seed as one line."""
    variant = f" ({row.variant})" if row.variant else ""
    preset = f", preset {row.preset}" if row.preset else ""
    where = f"{row.source} → {row.target}{preset}, {row.protocol}, fold {row.fold}, seed {row.seed}"
    return f"{row.method}{variant} on {where}"
