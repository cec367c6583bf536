"""Group runs that can be compared, and compare them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from math import gcd

import numpy as np
import pandas as pd

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.curves import Band, Draws, Tally
from simpgan.components.core.results.methods import compares_otherwise, most_prominent, place, title_of
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.results.significance import corrected, exact_sign_flip_p
from simpgan.pipelines.reports.comparison.runs import Run


@dataclass(frozen=True, eq=False)
class Entrant:
    """One method of one run, over all its folds and seeds: a line of the comparison."""

    run: Run
    rows: Sequence[ResultsRow]
    probes: pd.DataFrame
    title: str = ""

    @property
    def first(self) -> ResultsRow:
        """Return the first row."""
        return self.rows[0]

    @property
    def method(self) -> str:
        """Return the title of the method."""
        return title_of(self.first.method, self.first.variant)

    @cached_property
    def asked(self) -> tuple[tuple[int, int, int, int], ...]:
        """Return by fold: probes, probes left out, and the gallery's size."""
        return tuple(sorted({(row.fold, row.probes, row.left_out, row.gallery) for row in self.rows}))

    @cached_property
    def question(self) -> tuple[str, str, tuple[tuple[int, int, int, int], ...], str]:
        """Return what two entrants must share: target, protocol, and the same probes and gallery size in every fold."""
        pairs = pd.util.hash_pandas_object(self.probes[["fold", "probe"]].drop_duplicates(), index=False)
        names = sha256(np.sort(pairs.to_numpy()).tobytes()).hexdigest()
        return self.first.target, self.first.protocol, self.asked, names

    def mean(self, rate: str) -> float:
        """Return the mean of a rate of `RATES` over the rows, percent; each fold's seeds are averaged first."""
        by_fold = pd.DataFrame([(row.fold, getattr(row, rate.replace("-", "_"))) for row in self.rows])
        return float(by_fold.groupby(0)[1].mean().mean())


@dataclass(frozen=True, eq=False)
class RunComparison:
    """An entrant compared with the reference of its group.

    Attributes:
        difference: difference in rank-1 and mAP, in points.
        p: two-sided p-value of the difference in rank-1.
        corrected_p: the p-value, corrected for all comparisons of the group.
    """

    difference: Band
    p: float
    corrected_p: float


@dataclass(frozen=True, eq=False)
class ComparedRuns:
    """Entrants that were measured on the same probes and gallery, the best first.

    Attributes:
        entrants: the entrants.
        reference: the entrant that all others are compared with.
        chosen: whether the reference is the best on these probes; False if it was named.
        bands: band of every entrant, by its title; empty without probes.
        comparisons: comparison of every entrant except the reference, by its title; empty without probes.
        tests: number of tests that the correction is for.
    """

    entrants: Sequence[Entrant]
    reference: Entrant
    chosen: bool
    bands: dict[str, Band]
    comparisons: dict[str, RunComparison]
    tests: int

    @property
    def target(self) -> str:
        """Return the target."""
        return self.reference.first.target

    @property
    def protocol(self) -> str:
        """Return the protocol."""
        return self.reference.first.protocol

    @property
    def folds(self) -> list[int]:
        """Return the folds, sorted."""
        return sorted({fold for fold, *_ in self.reference.asked})

    @property
    def title(self) -> str:
        """Return the title of the group."""
        folds = f"fold {self.folds[0]}" if len(self.folds) == 1 else f"{len(self.folds)} folds"
        return f"{self.target}, {self.protocol}, {folds}"


def grouped(runs: Sequence[Run], methods: Sequence[str], baseline: str, seed: int = 0) -> list[ComparedRuns]:
    """Return the entrants of runs in groups that can be compared; the largest group first.

    Args:
        runs: runs with different names.
        methods: methods to compare; empty: that of `most_prominent` for every run.
        baseline: name or id of the reference run; empty: the best of each group.
        seed: seed of the draws for the intervals.

    Raises:
        UserError: no run has such a method.
    """
    if baseline and not any(baseline in (run.name, run.id) for run in runs):
        raise UserError(f"--baseline {baseline} is none of the runs: {'; '.join(run.name for run in runs)}")
    entrants = [entrant for run in runs for entrant in entrants_of(run, methods)]
    if not entrants:
        known = sorted({row.method for run in runs for row in run.rows}, key=place)
        raise UserError(f"--method {','.join(methods)}: no run has evaluated it: they have {', '.join(known)}")
    by_question: dict[object, list[Entrant]] = {}
    for entrant in entrants:
        by_question.setdefault(entrant.question, []).append(entrant)
    groups = [group_of(named(each), baseline, seed) for each in by_question.values()]
    return sorted(groups, key=lambda group: -len(group.entrants))


def entrants_of(run: Run, methods: Sequence[str]) -> list[Entrant]:
    """Return the entrants of a run, one per source, preset, method, variant, target and protocol."""
    if not methods:
        plain = {row.method for row in run.rows if not compares_otherwise(row.method)}
        methods = [most_prominent(plain or {"direct"})]
    rows: dict[tuple[str, ...], list[ResultsRow]] = {}
    for row in run.rows:
        if row.method in methods:
            key = (row.source, row.target, row.method, row.variant, row.preset, row.protocol)
            rows.setdefault(key, []).append(row)
    columns = ["source", "target", "method", "variant", "preset", "protocol"]
    of_methods = run.probes[run.probes["method"].isin(list(methods))]
    probes = dict(list(of_methods.groupby(columns))) if len(of_methods) else {}
    return [Entrant(run, found, probes.get(key, run.probes.iloc[:0])) for key, found in rows.items()]


def named(entrants: Sequence[Entrant]) -> list[Entrant]:
    """Give entrants different titles: the run, and what else differs between them."""
    several = {
        name: len({getattr(entrant.first, name) for entrant in entrants}) > 1
        for name in ("source", "method", "variant", "preset")
    }

    def title(entrant: Entrant) -> str:
        parts = [entrant.run.name]
        if several["source"]:
            parts.append(entrant.first.source)
        if several["method"] or several["variant"]:
            parts.append(entrant.method)
        if several["preset"] and entrant.first.preset:
            parts.append(f"preset {entrant.first.preset}")
        return ", ".join(parts)

    return [replace(entrant, title=title(entrant)) for entrant in entrants]


def group_of(entrants: Sequence[Entrant], baseline: str, seed: int) -> ComparedRuns:
    """Compare entrants that share their question."""
    ordered = sorted(entrants, key=lambda entrant: -entrant.mean("rank-1"))
    of_baseline = [entrant for entrant in ordered if baseline in (entrant.run.name, entrant.run.id)] if baseline else []
    reference = (of_baseline or ordered)[0]
    others = [entrant for entrant in ordered if entrant is not reference]
    names = sorted(reference.probes["probe"].unique())
    # With the best as reference it is one of all pairs that is looked at: it was found by comparing them all.
    tests = len(others) if of_baseline else len(ordered) * (len(ordered) - 1) // 2
    if not names:
        return ComparedRuns(ordered, reference, not of_baseline, {}, {}, tests)
    tallies = {entrant.title: Tally.of(entrant.probes, names) for entrant in ordered}
    draws = Draws(tallies, seed)
    p = [paired_p(tallies[entrant.title], tallies[reference.title]) for entrant in others]
    comparisons = {
        entrant.title: RunComparison(draws.difference(entrant.title, reference.title), *of_test)
        for entrant, of_test in zip(others, zip(p, corrected(p, tests), strict=True), strict=True)
    }
    return ComparedRuns(
        ordered, reference, not of_baseline, {title: draws.band(title) for title in tallies}, comparisons, tests
    )


def paired_p(one: Tally, other: Tally) -> float:
    """Return the exact p-value of the difference in rank-1 over the same probes; one may have more seeds."""
    totals = [int(each.asked.sum()) for each in (one, other)]
    shared = gcd(*totals)
    found = [each.found[:, 0].astype(np.int64) for each in (one, other)]
    return exact_sign_flip_p(found[0] * (totals[1] // shared) - found[1] * (totals[0] // shared))
