"""Decide whether a candidate may replace the champion, by comparing their evaluations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pandas as pd
from pydantic import Field

from simpgan.components.core.registry.description import Description
from simpgan.components.core.results.methods import name_of
from simpgan.components.core.results.probes import no_probes, read_probes_beside
from simpgan.components.core.results.rows import ResultsRow, read_results
from simpgan.components.core.results.significance import p_in_words, sign_flip_p, signed
from simpgan.components.core.results.statistics import RESAMPLES
from simpgan.components.core.results.unlabelled_checks import FILE as CHECKS
from simpgan.components.core.results.unlabelled_checks import read_checks
from simpgan.components.core.settings import Settings

BETTER_LOW = ("score", "frechet", "cycle_target")
BETTER_HIGH = ("neighbours", "entropy")
DIRECT = "direct"


class GateSettings(Settings):
    """Limits for how much worse than the champion a candidate may be."""

    level: float = Field(
        0.05, gt=0, lt=1, description="With labels: a lower rank-1 is refused if its p-value is below this level."
    )
    tolerance: float = Field(
        0.2, ge=0, description="Without labels: share by which each check may be worse than the champion's."
    )
    seed: int = Field(0, ge=0, lt=2**53, description="Seed for the draws of the permutation test.")
    resamples: int = Field(RESAMPLES, ge=99, description="Draws of the permutation test.")


@dataclass(frozen=True, eq=False)
class MeasuredAdaptation:
    """The evaluation of one adaptation in its split.

    Attributes:
        method: the method, such as simpgan+adabn.
        row: its row of the results; None if the target has no labels, or it was not evaluated.
        probes: probe and first_rank of each probe.
        direct_row: the row of direct transfer by the adaptation's classifier; see `direct_beside`.
        direct: the probes of direct transfer.
        checks: label-free measures by name; empty if there were none.
        compared: what label-free measures depend on: digests of target and classifier, and the sample.
    """

    method: str
    row: ResultsRow | None = None
    probes: pd.DataFrame = field(default_factory=no_probes)
    direct_row: ResultsRow | None = None
    direct: pd.DataFrame = field(default_factory=no_probes)
    checks: Mapping[str, float] = field(default_factory=dict)
    compared: str = ""

    @classmethod
    def read(cls, evaluation: Path, description: Description, *, exactly: bool = True) -> Self:
        """Read the folder that the evaluate stage wrote; everything is empty if the adaptation was not evaluated.

        Args:
            evaluation: the folder.
            description: the adaptation.
            exactly: False for an evaluation made later, which may name its training by another variant and seed.

        Raises:
            UserError: the files are damaged.
        """
        rows, probes = [], no_probes()
        if (evaluation / "results.json").is_file():
            rows = read_results(evaluation / "results.json")
            probes = read_probes_beside(evaluation / "results.json")
        split = (description.protocol, description.fold)
        rows = [row for row in rows if (row.protocol, row.fold) == split]
        training = (description.variant, description.seed)
        of_method = [row for row in rows if row.method == description.method]
        row = next((row for row in of_method if not exactly or (row.variant, row.seed) == training), None)
        direct = direct_beside(row, rows)
        checks: dict[str, float] = {}
        compared = ""
        if (evaluation / CHECKS).is_file():
            found = read_checks(evaluation / CHECKS)
            compared = found.model_dump_json(exclude={"methods"})
            label = f"{description.checked} {description.variant}".strip()
            labels = [
                each
                for each in found.methods
                if each == label or (not exactly and each.split()[0] == description.checked)
            ]
            checks = found.methods[labels[0]].model_dump(exclude_none=True) if labels else {}
        return cls(
            method=description.method,
            row=row,
            probes=probes_in(probes, row),
            direct_row=direct,
            direct=probes_in(probes, direct),
            checks=checks,
            compared=compared,
        )

    @property
    def evaluated(self) -> bool:
        """Tell whether it was evaluated."""
        return self.row is not None or bool(self.checks)


def direct_beside(row: ResultsRow | None, rows: Sequence[ResultsRow]) -> ResultsRow | None:
    """Find direct transfer to compare an adaptation with: the one of its seed, else the only one of its split.

    A translation may be trained with another seed than its classifier, whose seed direct transfer has. With several
    direct transfers, none of which has the seed, it is unknown which classifier is the adaptation's.
    """
    direct = [each for each in rows if each.method == DIRECT]
    same = [each for each in direct if row and each.seed == row.seed]
    return next(iter(same), direct[0] if len(direct) == 1 else None)


def probes_in(probes: pd.DataFrame, row: ResultsRow | None) -> pd.DataFrame:
    """Return the probes of a row of the results."""
    if row is None:
        return no_probes()
    same = [probes[name] == getattr(row, name) for name in ("method", "variant", "protocol", "fold", "seed", "preset")]
    return probes[pd.concat(same, axis=1).all(axis=1)]


class Verdict(Settings):
    """Whether the gate lets a candidate through."""

    passed: bool
    reasons: list[str] = Field(description="What was compared and found, one sentence each.")

    @property
    def in_words(self) -> str:
        """Return the verdict as one line."""
        return f"{'passes' if self.passed else 'refused'}: {'; '.join(self.reasons)}"


def judge(candidate: MeasuredAdaptation, champion: MeasuredAdaptation | None, settings: GateSettings) -> Verdict:
    """Decide whether a candidate may replace the champion.

    With labels, its rank-1 must not be worse by a paired permutation test over the probes that both have. Without
    labels, each label-free check that both have must be within `tolerance` of the champion's. The first candidate is
    compared with direct transfer if there are labels; otherwise it only has to be evaluated.
    """
    if not candidate.evaluated:
        return refusal(
            f"{name_of(candidate.method)} was never evaluated on this target: evaluate it, then propose again"
        )
    if champion is None:
        return judge_first(candidate, settings)
    if not comparable(candidate, champion):
        return refusal(
            "the champion was not measured on the images that the candidate was measured on: evaluate the champion "
            "on this target too, then propose again"
        )
    if not candidate.probes.empty and not champion.probes.empty:
        return judge_by_labels(candidate.probes, champion.probes, "the champion", settings)
    return judge_by_checks(candidate.checks, champion.checks, settings)


def comparable(candidate: MeasuredAdaptation, champion: MeasuredAdaptation) -> bool:
    """Tell whether both were measured on the same images."""
    by_labels = not candidate.probes.empty and not champion.probes.empty and same_search(candidate, champion)
    by_checks = candidate.checks and champion.checks and candidate.compared == champion.compared
    return bool(by_labels or by_checks)


def same_search(candidate: MeasuredAdaptation, champion: MeasuredAdaptation) -> bool:
    """Tell whether both searched the same probes among as many images of the same split."""
    ours, theirs = candidate.row, champion.row
    return (
        ours is not None
        and theirs is not None
        and (ours.target, ours.protocol, ours.fold, ours.gallery)
        == (theirs.target, theirs.protocol, theirs.fold, theirs.gallery)
        and set(candidate.probes["probe"]) == set(champion.probes["probe"])
    )


def judge_first(candidate: MeasuredAdaptation, settings: GateSettings) -> Verdict:
    """Judge the first candidate, which has no champion to be compared with."""
    if not candidate.probes.empty and candidate.method != DIRECT and not candidate.direct.empty:
        return judge_by_labels(candidate.probes, candidate.direct, "direct transfer, as there is no champion", settings)
    return Verdict(passed=True, reasons=["it was evaluated, and there is no champion to be worse than"])


def judge_by_labels(ours: pd.DataFrame, theirs: pd.DataFrame, other: str, settings: GateSettings) -> Verdict:
    """Compare rank-1 by a paired test over the same probes, matched by name."""
    found, before = (first_ranks(probes) for probes in (ours, theirs))
    both = (found > 0) & (before > 0)
    if not both.any():
        return refusal("no probe has a match in the gallery: nothing can be compared")
    differences = ((found == 1).astype(float) - (before == 1).astype(float))[both]
    gain = 100 * differences.mean()
    p = sign_flip_p(differences.to_numpy(), settings.resamples, settings.seed) if len(differences) > 1 else 1.0
    worse = gain < 0 and p < settings.level
    told = (
        f"rank-1 {100 * (found[both] == 1).mean():.1f} against {100 * (before[both] == 1).mean():.1f} of {other}, "
        f"{signed(gain)} points over {both.sum()} probes ({p_in_words(p)})"
    )
    if worse:
        return refusal(f"{told}: worse, and by more than chance")
    verdict = "not worse" if gain >= 0 else "lower, but within chance"
    return Verdict(passed=True, reasons=[f"{told}: {verdict}"])


def first_ranks(probes: pd.DataFrame) -> "pd.Series[int]":
    """Return the first rank by the probe's name, sorted by name."""
    return probes.set_index("probe")["first_rank"].sort_index()


def judge_by_checks(ours: Mapping[str, float], theirs: Mapping[str, float], settings: GateSettings) -> Verdict:
    """Compare every label-free measure that both have; each must be within a share of the champion's."""
    told, passed = [], True
    for name in (*BETTER_LOW, *BETTER_HIGH):
        if ours.get(name) is None or theirs.get(name) is None:
            continue
        bound = theirs[name] * (1 + settings.tolerance if name in BETTER_LOW else 1 - settings.tolerance)
        within = ours[name] <= bound if name in BETTER_LOW else ours[name] >= bound
        limit = "at most" if name in BETTER_LOW else "at least"
        passed &= within
        told.append(
            f"{name} {ours[name]:.3g} against {theirs[name]:.3g} of the champion, {limit} {bound:.3g} allowed"
            f"{'' if within else ': out of bounds'}"
        )
    if not told:
        return refusal("it and the champion have no label-free check in common: evaluate both in the same way")
    return Verdict(passed=bool(passed), reasons=told)


def refusal(reason: str) -> Verdict:
    """Return a verdict against the candidate."""
    return Verdict(passed=False, reasons=[reason])
