"""What a comparison says in sentences, each without a full stop at the end."""

from collections.abc import Sequence

from simpgan.components.core.results.significance import p_in_words, signed
from simpgan.pipelines.reports.comparison.groups import Comparison, Entrant, Group
from simpgan.pipelines.reports.comparison.runs import Run

LEVEL = 0.05
FEW = 6
"""So many runs are named one by one; of more it is said how many."""


def verdicts(group: Group) -> list[str]:
    """Who is best, by how much, and whether that is more than chance."""
    reference, others = group.reference, [each for each in group.entrants if each is not group.reference]
    if not others:
        return [f"There is nothing to hold {reference.title} against: it alone was asked this. {found(reference)}"]
    if not group.comparisons:
        return [
            f"{found(reference)}. Whether the differences are more than chance cannot be said: "
            "the runs kept no probes.parquet"
        ]
    sentences = [found(reference)]
    if len(others) <= FEW:
        sentences += [verdict(each, group.comparisons[each.title], reference) for each in others]
    else:
        sentences += counted(group, others)
    return [*sentences, *honesty(group)]


def found(entrant: Entrant) -> str:
    return f"{entrant.title} finds the right person first for {entrant.mean('rank-1'):.1f} % of probes"


def verdict(entrant: Entrant, comparison: Comparison, reference: Entrant) -> str:
    """One entrant against the reference."""
    points = comparison.difference
    gain, low, high = points.mean[0], points.low[0], points.high[0]
    if gain == 0 and comparison.p == 1:
        return f"{entrant.title} finds the right person first just as often as {reference.title}"
    relation = "more" if gain > 0 else "fewer"
    difference = f"{abs(gain):.1f} points {relation} at rank 1 than {reference.title} does"
    interval = f"95 %: {signed(low)} to {signed(high)}; {p_in_words(comparison.corrected_p)}"
    if comparison.corrected_p < LEVEL:
        return f"{entrant.title} finds {difference} ({interval}): more than chance"
    return f"{entrant.title} finds {difference} ({interval}): that may well be chance"


def counted(group: Group, others: Sequence[Entrant]) -> list[str]:
    """Many entrants against the reference: how many differ from it by more than chance."""
    certain = [each for each in others if group.comparisons[each.title].corrected_p < LEVEL]
    worse = [each for each in certain if group.comparisons[each.title].difference.mean[0] < 0]
    better = [each for each in certain if each not in worse]
    open_cases = len(others) - len(certain)
    sentences = [f"Of {len(others)} others {len(worse)} find fewer by more than chance"]
    if better:
        sentences.append(f"More than {group.reference.title}, by more than chance, find: {listed(better)}")
    if open_cases:
        nearest = [each for each in others if each not in certain]
        sentences.append(f"{open_cases} may be as good, for all that is known: {listed(nearest)}")
    return sentences


def listed(entrants: Sequence[Entrant]) -> str:
    """Titles with their rank-1, the best first; of many the best."""
    named = "; ".join(f"{each.title} ({each.mean('rank-1'):.1f} %)" for each in entrants[:FEW])
    return f"{named}; and {len(entrants) - FEW} more" if len(entrants) > FEW else named


def honesty(group: Group) -> list[str]:
    """What comparing many runs does to the figures."""
    if group.tests < 2:
        return []
    if not group.chosen:
        return [f"p is corrected for {group.tests} comparisons with {group.reference.title} (Holm)"]
    return [
        f"{group.reference.title} is the best of {len(group.entrants)} by these very probes, a part of which is luck: "
        f"p is corrected for all {group.tests} pairs (Holm), and on other people expect less"
    ]


def apart(groups: Sequence[Group]) -> list[str]:
    """Why the groups cannot be compared with one another: each of the others against the first."""
    first, *others = groups
    sentences = []
    for group in others:
        who = f"{len(group.entrants)} lines" if len(group.entrants) > FEW else listed_titles(group)
        sentences.append(f"Not comparable with the first table: {who}, since {why_apart(first, group)}")
    return sentences


def listed_titles(group: Group) -> str:
    return "; ".join(entrant.title for entrant in group.entrants)


def why_apart(first: Group, other: Group) -> str:
    if first.target != other.target:
        return f"people are looked for in {other.target}, not in {first.target}"
    if first.protocol != other.protocol:
        return f"the protocol is {other.protocol}, not {first.protocol}"
    if first.folds != other.folds:
        return f"folds {in_short(other.folds)} were measured, not folds {in_short(first.folds)}"
    if first.reference.asked != other.reference.asked:
        return "the number of probes or of gallery images differs"
    if not other.bands or not first.bands:
        return "only one of them kept its probes"
    return "other probes were asked"


def in_short(folds: Sequence[int]) -> str:
    whole = list(folds) == list(range(folds[0], folds[-1] + 1)) and len(folds) > 2
    return f"{folds[0]} to {folds[-1]}" if whole else ", ".join(map(str, folds))


def differing(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Settings that are not the same in all runs: their names, and who has which value.

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
    return [(", ".join(names), who_has(values, known)) for values, names in lines.items()]


def who_has(values: Sequence[str], runs: Sequence[Run]) -> str:
    """Each value with the runs that have it."""
    holders: dict[str, list[str]] = {}
    for value, run in zip(values, runs, strict=True):
        holders.setdefault(value, []).append(run.name)
    return "; ".join(
        f"{value or 'empty'} in {', '.join(names) if len(runs) <= FEW else f'{len(names)} runs'}"
        for value, names in holders.items()
    )


def settings_in_words(runs: Sequence[Run]) -> list[str]:
    """What differs between runs, and of which that is not known."""
    lines = [f"{names}: {who}" for names, who in differing(runs)]
    unknown = [run.name for run in runs if not run.settings]
    if unknown:
        lines.append(f"not known of {', '.join(unknown)}: no settings were recorded there")
    if not lines and len(runs) > 1:
        lines.append("no recorded setting: what differs is chance, or the machine")
    return lines


def runs_of(group: Group) -> list[Run]:
    """The runs of a group, each once, the best first."""
    return list({entrant.run.name: entrant.run for entrant in group.entrants}.values())
