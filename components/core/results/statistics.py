"""Statistics computed from rows and probes, and kept beside the rows: intervals and tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict

from simpgan.components.core.results.intervals import Interval, intervals
from simpgan.components.core.results.joining import COUNTED, MEASURED
from simpgan.components.core.results.methods import place
from simpgan.components.core.results.rows import KEY, RATES, ResultsRow, explained_damage, read_document
from simpgan.components.core.results.significance import PairedTest, paired_tests
from simpgan.components.core.results.summary import Experiment

RESAMPLES = 9999


class Statistics(BaseModel):
    """Confidence intervals and paired tests of a list of rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intervals: list[Interval] = []
    tests: list[PairedTest] = []

    @classmethod
    def of(cls, rows: Sequence[ResultsRow], probes: pd.DataFrame, resamples: int = RESAMPLES, seed: int = 0) -> Self:
        """Compute the statistics of `rows` and the available probes; see `intervals` and `paired_tests`."""
        return cls(
            intervals=sorted(intervals(rows, probes, resamples, seed), key=place_of),
            tests=sorted(paired_tests(rows, probes, resamples, seed), key=place_of),
        )

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read the statistics that `write_results` wrote beside the rows; empty if there are none.

        Raises:
            UserError: the file is missing or damaged.
        """
        document = read_document(path)
        with explained_damage(path):
            return cls.model_validate({name: document.get(name, []) for name in cls.model_fields})

    def lists(self) -> dict[str, list[dict[str, Any]]]:
        """Return the lists for `write_results`."""
        return self.model_dump()

    def keeping(self, older: "Statistics", older_rows: Sequence[ResultsRow], rows: Sequence[ResultsRow]) -> Self:
        """Add those of `older` that were made from probes not available now, if their rows are the same."""
        known = {subject(each) for each in self.intervals} | {subject(each) for each in self.tests}
        before, now = measured(older_rows), measured(rows)

        def lasts(each: Interval | PairedTest) -> bool:
            methods = [each.method] if isinstance(each, Interval) else [each.method, each.baseline]
            keys = [(each.experiment, method) for method in methods]
            unchanged = all(before.get(key) == now.get(key) for key in keys)
            return each.over == "probes" and subject(each) not in known and unchanged

        return self.model_copy(
            update={
                "intervals": sorted([*self.intervals, *filter(lasts, older.intervals)], key=place_of),
                "tests": sorted([*self.tests, *filter(lasts, older.tests)], key=place_of),
            }
        )


def subject(each: Interval | PairedTest) -> tuple[object, ...]:
    """Return the subject of an interval or a test."""
    baseline = each.baseline if isinstance(each, PairedTest) else None
    return each.experiment, each.method, each.variant, baseline, each.rate


def place_of(each: Interval | PairedTest) -> tuple[object, ...]:
    """Return the sort key: by experiment, method in the order of `METHODS`, variant, baseline and rate."""
    baseline = each.baseline if isinstance(each, PairedTest) else ""
    return each.experiment, place(each.method), each.variant, baseline, RATES.index(each.rate)


def measured(rows: Sequence[ResultsRow]) -> dict[tuple[Experiment, str], set[tuple[object, ...]]]:
    """Return the measurements of every experiment and method, ignoring when and where they were made."""
    found: dict[tuple[Experiment, str], set[tuple[object, ...]]] = {}
    for row in rows:
        values = tuple(getattr(row, name) for name in (*KEY, *COUNTED, *MEASURED))
        found.setdefault((Experiment.of(row), row.method), set()).add(values)
    return found
