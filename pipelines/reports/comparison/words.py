"""A comparison in sentences, each without a full stop at the end."""

from collections.abc import Sequence

from simpgan.components.core.results.significance import CHANCE, p_in_words, signed
from simpgan.pipelines.reports.comparison.groups import ComparedRuns, Entrant, RunComparison
from simpgan.pipelines.reports.comparison.runs import Run

FEW = 6
"""Largest number of runs that are named one by one; more are counted."""


def verdicts(group: ComparedRuns) -> list[str]:
    """Say which entrant is best, by how much, and whether that is more than chance."""
    reference, others = group.reference, [each for each in group.entrants if each is not group.reference]
    if not others:
        return [
            f"Only {reference.title} was measured on these probes, so there is nothing to compare. {found(reference)}"
        ]
    if not group.comparisons:
        return [f"{found(reference)}. Differences cannot be tested, since the runs kept no probes.parquet"]
    sentences = [found(reference)]
    if len(others) <= FEW:
        sentences += [verdict(each, group.comparisons[each.title], reference) for each in others]
    else:
        sentences += counted(group, others)
    return [*sentences, *corrections(group)]


def found(entrant: Entrant) -> str:
    """Describe the rank-1 of an entrant."""
    return f"{entrant.title} finds the right person first for {entrant.mean('rank-1'):.1f} % of probes"


def verdict(entrant: Entrant, comparison: RunComparison, reference: Entrant) -> str:
    """Compare one entrant with the reference."""
    points = comparison.difference
    gain, low, high = points.mean[0], points.low[0], points.high[0]
    if gain == 0 and comparison.p == 1:
        return f"{entrant.title} has the same rank-1 as {reference.title}"
    difference = f"{abs(gain):.1f} points {'more' if gain > 0 else 'less'} rank-1 than {reference.title}"
    interval = f"95 %: {signed(low)} to {signed(high)}; {p_in_words(comparison.corrected_p)}"
    luck = "more than chance" if comparison.corrected_p < CHANCE else "within chance"
    return f"{entrant.title} has {difference} ({interval}): {luck}"


def counted(group: ComparedRuns, others: Sequence[Entrant]) -> list[str]:
    """Compare many entrants with the reference: how many differ from it by more than chance."""
    certain = [each for each in others if group.comparisons[each.title].corrected_p < CHANCE]
    worse = [each for each in certain if group.comparisons[each.title].difference.mean[0] < 0]
    better = [each for each in certain if each not in worse]
    open_cases = len(others) - len(certain)
    sentences = [f"{len(worse)} of {len(others)} others have a lower rank-1 by more than chance"]
    if better:
        sentences.append(f"Above {group.reference.title} by more than chance: {listed(better)}")
    if open_cases:
        nearest = [each for each in others if each not in certain]
        sentences.append(f"{open_cases} of them differ from {group.reference.title} within chance: {listed(nearest)}")
    return sentences


def listed(entrants: Sequence[Entrant]) -> str:
    """List titles with their rank-1, the best first and at most `FEW`."""
    named = "; ".join(f"{each.title} ({each.mean('rank-1'):.1f} %)" for each in entrants[:FEW])
    return f"{named}; and {len(entrants) - FEW} more" if len(entrants) > FEW else named


def corrections(group: ComparedRuns) -> list[str]:
    """Say how p-values are corrected, and that the best of many is partly lucky."""
    if group.tests < 2:
        return []
    if not group.chosen:
        return [f"p is corrected for {group.tests} comparisons with {group.reference.title} (Holm)"]
    return [
        f"{group.reference.title} is the best of {len(group.entrants)} on these probes, partly by luck: expect less on "
        f"other people. p is corrected for all {group.tests} pairs (Holm)"
    ]


def apart(groups: Sequence[ComparedRuns]) -> list[str]:
    """Say why each of the other groups cannot be compared with the first."""
    first, *others = groups
    sentences = []
    for group in others:
        who = f"{len(group.entrants)} lines" if len(group.entrants) > FEW else listed_titles(group)
        sentences.append(f"Not comparable with the first table: {who}, since {why_apart(first, group)}")
    return sentences


def listed_titles(group: ComparedRuns) -> str:
    """List the titles of a group."""
    return "; ".join(entrant.title for entrant in group.entrants)


def why_apart(first: ComparedRuns, other: ComparedRuns) -> str:
    """Explain why a group cannot be compared with the first."""
    if first.target != other.target:
        return f"the target is {other.target}, not {first.target}"
    if first.protocol != other.protocol:
        return f"the protocol is {other.protocol}, not {first.protocol}"
    if first.folds != other.folds:
        return f"folds {in_short(other.folds)} were measured, not folds {in_short(first.folds)}"
    if first.reference.asked != other.reference.asked:
        return "the number of probes or of gallery images differs"
    if not other.bands or not first.bands:
        return "only one of them kept its probes"
    return "the probes differ"


def in_short(folds: Sequence[int]) -> str:
    """Shorten a list of folds."""
    whole = list(folds) == list(range(folds[0], folds[-1] + 1)) and len(folds) > 2
    return f"{folds[0]} to {folds[-1]}" if whole else ", ".join(map(str, folds))


def differing(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Return the settings that differ between the runs: their names, and the runs that have each value.

    Settings that tell the same runs apart by the same values, such as the seed of every stage, are one line.
    """
    known = [run for run in runs if run.settings]
    names = sorted({name for run in known for name in run.settings})
    lines: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        values = tuple(run.settings.get(name, "not set") for run in known)
        if len(set(values)) > 1:
            lines.setdefault(values, []).append(name)
    commits = tuple(run.commit[:10] or "unknown" for run in known)
    if len(set(commits)) > 1:
        lines.setdefault(commits, []).append("commit of the code")
    return [(", ".join(names), runs_by_value(values, known)) for values, names in lines.items()]


def runs_by_value(values: Sequence[str], runs: Sequence[Run]) -> str:
    """Each value with the runs that have it."""
    holders: dict[str, list[str]] = {}
    for value, run in zip(values, runs, strict=True):
        holders.setdefault(value, []).append(run.name)
    return "; ".join(
        f"{value or 'empty'} in {', '.join(names) if len(runs) <= FEW else f'{len(names)} runs'}"
        for value, names in holders.items()
    )


def settings_in_words(runs: Sequence[Run]) -> list[str]:
    """Say which settings differ, and of which runs they are unknown."""
    lines = [f"{names}: {who}" for names, who in differing(runs)]
    unknown = [run.name for run in runs if not run.settings]
    if unknown:
        lines.append(f"unknown for {', '.join(unknown)}: no settings were recorded")
    if not lines and len(runs) > 1:
        lines.append("no recorded setting: only chance or the machine can differ")
    return lines


def runs_of(group: ComparedRuns) -> list[Run]:
    """Return the runs of a group, each once, the best first."""
    return list({entrant.run.name: entrant.run for entrant in group.entrants}.values())
