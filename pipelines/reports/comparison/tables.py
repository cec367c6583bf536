"""A comparison as a table: for the terminal, as CSV and as JSON."""

import csv
import io
import json
from collections.abc import Sequence
from math import nan
from typing import Any

from simpgan.components.core.results.curves import LAST_RANK
from simpgan.components.core.results.rows import MAIN_RATES
from simpgan.components.core.results.significance import shown_p, signed
from simpgan.components.core.results.summary import aligned
from simpgan.pipelines.reports.comparison.groups import ComparedRuns, Entrant
from simpgan.pipelines.reports.comparison.words import apart, runs_of, settings_in_words, verdicts

COLUMNS = ["run", "method", *MAIN_RATES, "difference", "p"]
LINES_IN_TERMINAL = 30
SETTINGS_IN_TERMINAL = 12


def in_terminal(groups: Sequence[ComparedRuns]) -> str:
    """Format every group: its table, the settings that differ, and the verdicts."""
    blocks = [*(sentence + "." for sentence in apart(groups)), *map(block, groups)]
    return "\n\n".join(blocks)


def block(group: ComparedRuns) -> str:
    """Format one group for the terminal."""
    lines = [cells(group, entrant) for entrant in group.entrants]
    hidden = len(lines) - LINES_IN_TERMINAL
    differing = settings_in_words(runs_of(group))
    more = len(differing) - SETTINGS_IN_TERMINAL
    parts = [f"{group.title} (rates in percent; difference in rank-1 to the reference, in points)"]
    parts.append(aligned([COLUMNS, *lines[:LINES_IN_TERMINAL]]))
    if hidden > 0:
        parts.append(f"... and {hidden} more lines, with --out in compare.html, .json and .csv")
    if differing:
        parts.append("What differs:")
        parts += [f"  {line}" for line in differing[:SETTINGS_IN_TERMINAL]]
    if more > 0:
        parts.append(f"  ... and {more} more, with --out in compare.html")
    return "\n".join([*parts, "", *(f"{sentence}." for sentence in verdicts(group))])


def cells(group: ComparedRuns, entrant: Entrant) -> list[str]:
    """Return an entrant's line under `COLUMNS`."""
    return [
        entrant.title,
        entrant.method,
        *(rate(group, entrant, name) for name in MAIN_RATES),
        *difference(group, entrant),
    ]


def rate(group: ComparedRuns, entrant: Entrant, name: str) -> str:
    """Return a rate in percent, rank-1 and mAP with their intervals: `31.2 [24.0, 38.4]`."""
    mean = f"{entrant.mean(name):.1f}"
    interval = interval_of(group, entrant, name)
    return f"{mean} [{interval[0]:.1f}, {interval[1]:.1f}]" if interval and name in ("rank-1", "mAP") else mean


def interval_of(group: ComparedRuns, entrant: Entrant, name: str) -> tuple[float, float] | None:
    """Return the ends of the 95 % interval of a rate; None without probes."""
    band = group.bands.get(entrant.title)
    if not band:
        return None
    place = LAST_RANK if name == "mAP" else int(name.removeprefix("rank-")) - 1
    return float(band.low[place]), float(band.high[place])


def difference(group: ComparedRuns, entrant: Entrant) -> list[str]:
    """Return the difference in rank-1 to the reference and its corrected p."""
    if entrant is group.reference:
        return ["reference", ""]
    comparison = group.comparisons.get(entrant.title)
    if not comparison:
        return ["", ""]
    return [signed(comparison.difference.mean[0]), shown_p(comparison.corrected_p)]


def as_document(groups: Sequence[ComparedRuns]) -> dict[str, Any]:
    """Return the whole comparison in JSON types."""
    return {
        "schema": 1,
        "groups": [
            {
                "title": group.title,
                "target": group.target,
                "protocol": group.protocol,
                "folds": group.folds,
                "reference": group.reference.title,
                "tests": group.tests,
                "entrants": [entrant_document(group, entrant) for entrant in group.entrants],
                "settings": settings_in_words(runs_of(group)),
                "verdicts": verdicts(group),
            }
            for group in groups
        ],
        "apart": apart(groups),
    }


def entrant_document(group: ComparedRuns, entrant: Entrant) -> dict[str, Any]:
    """Return one entrant in JSON types, with its CMC curve in percent from rank 1."""
    row, band = entrant.first, group.bands.get(entrant.title)
    found: dict[str, Any] = {
        "title": entrant.title,
        "run": entrant.run.id or entrant.run.name,
        "source": row.source,
        "method": row.method,
        "variant": row.variant,
        "preset": row.preset,
        "seeds": sorted({each.seed for each in entrant.rows}),
        **{name: entrant.mean(name) for name in MAIN_RATES},
    }
    if band:
        ends = ("mean", "low", "high")
        found["cmc"] = {end: [round(float(value), 4) for value in getattr(band, end)[:LAST_RANK]] for end in ends}
        found["mAP-interval"] = [float(band.low[LAST_RANK]), float(band.high[LAST_RANK])]
    if comparison := group.comparisons.get(entrant.title):
        points = comparison.difference
        found["against-reference"] = {
            "rank-1": [float(each[0]) for each in (points.mean, points.low, points.high)],
            "mAP": [float(each[LAST_RANK]) for each in (points.mean, points.low, points.high)],
            "p": comparison.p,
            "corrected-p": comparison.corrected_p,
        }
    return found


def as_json(groups: Sequence[ComparedRuns]) -> str:
    """Return the comparison as JSON."""
    return json.dumps(as_document(groups), indent=2, ensure_ascii=False) + "\n"


def as_csv(groups: Sequence[ComparedRuns]) -> str:
    """Return one line per entrant, rates and intervals in percent."""
    text = io.StringIO()
    ends = [f"{name} {end}" for name in MAIN_RATES for end in ("low", "high")]
    writer = csv.writer(text, lineterminator="\n")
    header = ["group", "run", "id", "source", "method", "variant", "preset", *MAIN_RATES, *ends]
    writer.writerow([*header, "rank-1 difference", "p", "corrected p"])
    for group in groups:
        for entrant in group.entrants:
            row, comparison = entrant.first, group.comparisons.get(entrant.title)
            test = [comparison.difference.mean[0], comparison.p, comparison.corrected_p] if comparison else [""] * 3
            writer.writerow(
                [
                    *(group.title, entrant.title, entrant.run.id, row.source, row.method, row.variant, row.preset),
                    *(f"{entrant.mean(name):.3f}" for name in MAIN_RATES),
                    *(f"{end:.3f}" for name in MAIN_RATES for end in interval_of(group, entrant, name) or (nan, nan)),
                    *test,
                ]
            )
    return text.getvalue()
