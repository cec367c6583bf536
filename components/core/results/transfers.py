"""A transfer: everything that was measured from one source to one target with one preset."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from simpgan.components.core.results.headlines import rank_1
from simpgan.components.core.results.layout import key_of, main_rows
from simpgan.components.core.results.methods import (
    JOINED,
    SELF_TRAINED,
    STATISTICS,
    WHITENED,
    name_of,
    place,
    with_part,
)
from simpgan.components.core.results.sections import SEES_TESTED, Section, Table, provenance
from simpgan.components.core.results.summary import Summary


@dataclass(frozen=True)
class Transfer:
    """The tables of one source, target and preset.

    Attributes:
        tables: tables with a main row. The first one leads: that of a protocol whose tested people no training has
            seen, with the most folds, then the most seeds.
    """

    tables: Sequence[Table]

    @property
    def leading(self) -> Table:
        """Return the table that findings and the picture are about."""
        return self.tables[0]

    @property
    def title(self) -> str:
        """Return the title, such as `cuhk01 → grid, preset small`."""
        about = self.leading.experiment
        return f"{about.source} → {about.target}" + (f", preset {about.preset}" if about.preset else "")

    @property
    def pictured(self) -> list[Table]:
        """Return the leading table, and the one with the most main rows if it has more of them."""
        largest = max(self.tables, key=lambda table: len(table.main))
        return [self.leading, *([largest] if len(largest.main) > len(self.leading.main) else [])]

    def name_of(self, table: Table) -> str:
        """Return a table's name in this transfer: protocol and folds, and seeds if two tables differ only there."""
        names = [each.protocol_and_folds for each in self.tables]
        name = table.protocol_and_folds
        return name if names.count(name) == 1 else f"{table.experiment.protocol}, {table.scope}"

    @property
    def rows(self) -> list[Summary]:
        """Return the main rows of all tables together, one per method, in the order of `METHODS`.

        A method's row is that of the first table that has it.
        """
        found: dict[tuple[str, str], Summary] = {}
        for table in self.tables:
            for each in table.summaries:
                found.setdefault(key_of(each), each)
        return main_rows(sorted(found.values(), key=lambda each: (place(each.method), each.variant)))

    @property
    def provenance(self) -> dict[str, str]:
        """Return the provenance of all rows."""
        return provenance([row for table in self.tables for row in table.rows])

    @property
    def commands(self) -> list[str]:
        """Return the commands that made the rows."""
        return sorted({command for table in self.tables for command in table.commands})

    def of(self, method: str) -> Summary | None:
        """Return a method's row in the leading table; None if it has none."""
        return next((each for each in self.leading.summaries if key_of(each) == (method, "")), None)

    def joined_with(self, method: str) -> Summary | None:
        """Return the best row of a method's features joined with those of other classifiers; None if there is none.

        They may be whitened.
        """
        joined = with_part(method, JOINED)
        found = [each for each in self.leading.summaries if each.method in (joined, with_part(joined, WHITENED))]
        return max(found, key=rank_1, default=None)

    @property
    def self_trained(self) -> Summary | None:
        """Return the best row of a classifier that learned from the target's images; None if there is none."""
        return max(filter(None, map(self.of, SELF_TRAINED)), key=rank_1, default=None)


def transfers(sections: Sequence[Section]) -> list[Transfer]:
    """Group the sections of a page by source, target and preset, in order of appearance."""
    found: dict[tuple[str, str, str], list[Table]] = {}
    for section in sections:
        about = section.experiment
        tables = [table for table in section.tables if table.main]
        found.setdefault((about.source, about.target, about.preset), []).extend(tables)
    return [Transfer(sorted(tables, key=leads)) for tables in found.values() if tables]


def leads(table: Table) -> tuple[bool, int, int]:
    """Return the sort key of a transfer's tables."""
    seen = table.experiment.protocol in SEES_TESTED
    return seen, -max(each.folds for each in table.summaries), -max(each.seeds for each in table.summaries)


def advice(transfers: Sequence[Transfer]) -> list[str]:
    """Say which of `STATISTICS` to start with on unlabelled cameras, and what it finds in each transfer.

    It is the one with the higher mean rank-1 over the transfers that have both; neither trains anything. If no transfer
    has both, it is the one that was measured.

    Returns:
        The advice, then one sentence per transfer that has it; empty if neither was measured beside direct transfer.
    """
    compared = [each for each in transfers if each.of("direct")]
    with_both = [each for each in compared if all(map(each.of, STATISTICS))]
    rates = {
        name: mean(rank_1(row) for row in found)
        for name in STATISTICS
        if (found := [row for each in with_both or compared if (row := each.of(name))])
    }
    if not rates:
        return []
    best = max(rates, key=lambda name: rates[name])
    return [
        f"On unlabelled cameras, start with {name_of(best)}, which trains nothing for them",
        *(
            f"{each.title}: {rank_1(row):.0f} of 100 people are found first, {rank_1(direct):.0f} without it"
            f"{better(row, each.of(with_part(best, WHITENED)), 'features are whitened')}"
            f"{better(row, each.joined_with(best), 'features of several classifiers are joined')}"
            f"{better(row, each.self_trained, 'the classifier learns from their images')} "
            f"({each.leading.experiment.protocol}, {each.leading.scope}; {each.leading.hardware})"
            for each in compared
            if (row := each.of(best)) and (direct := each.of("direct"))
        ),
    ]


def better(row: Summary, other: Summary | None, condition: str) -> str:
    """Say what another row finds, and under which condition, if that is more than `row` finds."""
    return f", {rank_1(other):.0f} if {condition}" if other and rank_1(other) > rank_1(row) else ""
