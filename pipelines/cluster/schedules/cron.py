"""Cron expressions as Kubeflow Pipelines takes them: six fields, from seconds to days of the week, in UTC."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from simpgan.components.core.errors import UserError

PART = re.compile(r"(?P<star>\*|\?)|(?P<first>\w+)(-(?P<last>\w+))?")
EVERY = ("*", "?")
LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class Field:
    """One of the six fields: its name, its range, and the names of its numbers."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """Return the numbers that a text such as `*`, `*/15`, `1-5` or `MON,FRI` means.

        Raises:
            ValueError: The text means no number, or a number outside the range of the field.
        """
        return frozenset(value for part in text.split(",") for value in self.part(part))

    def part(self, text: str) -> Iterable[int]:
        """Return the numbers of one part of a list."""
        span, slash, step = text.partition("/")
        match = PART.fullmatch(span)
        if not match:
            raise ValueError(f"'{text}' is no number, range or *")
        if slash and not (step.isdecimal() and int(step)):
            raise ValueError(f"'{text}' has no step from 1 up")
        if match["star"] == "?" and (slash or not self.name.startswith("day")):
            raise ValueError("'?' is for a whole field of days only")
        if match["star"]:
            first, last = self.lowest, self.highest
        else:
            first = self.number(match["first"])
            last = self.number(match["last"]) if match["last"] else self.highest if slash else first
        if last < first:
            raise ValueError(f"'{text}' is an empty range")
        return range(first, last + 1, int(step or 1))

    def number(self, text: str) -> int:
        """Return a number of this field, also by its name."""
        if text.upper() in self.names:
            return self.names.index(text.upper()) + self.lowest
        if not text.isdecimal() or not self.lowest <= int(text) <= self.highest:
            raise ValueError(f"'{text}' is not from {self.lowest} to {self.highest}")
        return int(text)


FIELDS = (
    Field("seconds", 0, 59),
    Field("minutes", 0, 59),
    Field("hours", 0, 23),
    Field("day of the month", 1, 31),
    Field("months", 1, 12, MONTHS),
    Field("day of the week", 0, 6, WEEKDAYS),
)


def check_cron(text: str) -> str:
    """Return `second minute hour day-of-month month day-of-week` with single spaces.

    Raises:
        UserError: There are not six fields, a field means nothing, or the day never comes.
    """
    texts = text.split()
    if len(texts) != len(FIELDS):
        hint = f"'0 {' '.join(texts)}'" if len(texts) == 5 else "such as '0 30 3 * * MON' for 03:30 on Mondays"
        raise UserError(
            f"cron '{text}' has {len(texts)} fields, not six from seconds to days of the week: write {hint}"
        )
    values = []
    for field, part in zip(FIELDS, texts, strict=True):
        try:
            values.append(field.values(part))
        except ValueError as error:
            raise UserError(f"cron '{text}', {field.name}: {error}: correct it") from None
    _, _, _, days, months, _ = values
    if texts[5] in EVERY and min(days) > max(LONGEST_MONTH.get(month, 31) for month in months):
        raise UserError(f"cron '{text}' never comes: no such month has a day {min(days)}: correct it")
    return " ".join(texts)
