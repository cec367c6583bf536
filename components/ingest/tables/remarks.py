"""What is to be said of a table that is read all the same."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

SHOWN = 5
"""Examples in a message."""


@dataclass
class Remarks:
    """Sentences about a table as a whole, and rows to warn of, by what is to be said of them."""

    of_table: list[str] = field(default_factory=list)
    rows: dict[str, "array[int]"] = field(default_factory=dict)

    def add(self, what: str, *numbers: int) -> None:
        """Note a row or several."""
        self.rows.setdefault(what, array("l")).extend(numbers)

    def sentences(self) -> list[str]:
        """Return a sentence for each remark, with the numbers of rows."""
        return [*self.of_table, *(f"{in_words(numbers)}: {what}" for what, numbers in self.rows.items())]


def in_words(numbers: Sequence[int]) -> str:
    """Return numbers of rows as the beginning of a sentence: `rows 3, 5 and 9 more`."""
    first = ", ".join(map(str, numbers[:SHOWN]))
    more = f" and {len(numbers) - SHOWN:,} more" if len(numbers) > SHOWN else ""
    return f"row{'s' * (len(numbers) > 1)} {first}{more}"
