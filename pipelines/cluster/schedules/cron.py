"""Cron expressions as Kubeflow Pipelines takes them: six fields, from seconds to days of the week, in UTC."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from simpgan.components.core.errors import UserError

PART = re.compile(r"(?P<star>\*|\?)|(?P<first>\w+)(-(?P<last>\w+))?")
EVERY = ("*", "?")
MINUTES_A_DAY = 24 * 60
DAYS_LOOKED_AT = 2 * 366
"""For which a time zone's offsets are looked at."""
LONGEST_MONTH = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class Field:
    """One of the six fields: its name, its range, and the names that its numbers have."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """The numbers that a text such as `*`, `*/15`, `1-5` or `MON,FRI` means.

        Raises:
            ValueError: none, or others than the field has.
        """
        return frozenset(value for part in text.split(",") for value in self.part(part))

    def part(self, text: str) -> Iterable[int]:
        """The numbers of one part of a list."""
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
        """A number of this field, also by its name."""
        if text.upper() in self.names:
            return self.names.index(text.upper()) + self.lowest
        if not text.isdecimal() or not self.lowest <= int(text) <= self.highest:
            raise ValueError(f"'{text}' is not from {self.lowest} to {self.highest}")
        return int(text)

    def text(self, values: Iterable[int]) -> str:
        """Numbers as a text that means them."""
        numbers = sorted(values)
        return "*" if len(numbers) == self.highest - self.lowest + 1 else ",".join(map(str, numbers))


SECONDS, MINUTES, HOURS, DAYS, MONTHS_OF_YEAR, DAYS_OF_WEEK = FIELDS = (
    Field("seconds", 0, 59),
    Field("minutes", 0, 59),
    Field("hours", 0, 23),
    Field("day of the month", 1, 31),
    Field("months", 1, 12, MONTHS),
    Field("day of the week", 0, 6, WEEKDAYS),
)


@dataclass(frozen=True)
class Cron:
    """An expression: what was written, and the numbers each field means."""

    texts: tuple[str, ...]
    values: tuple[frozenset[int], ...]

    @classmethod
    def parse(cls, text: str) -> "Cron":
        """`second minute hour day-of-month month day-of-week`.

        Raises:
            UserError: other than six fields, one that means nothing, or a day that never comes.
        """
        texts = tuple(text.split())
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
        cron = cls(texts, tuple(values))
        _, _, _, days, months, _ = values
        if texts[5] in EVERY and min(days) > max(LONGEST_MONTH.get(month, 31) for month in months):
            raise UserError(f"cron '{text}' never comes: no such month has a day {min(days)}: correct it")
        return cron

    def __str__(self) -> str:
        return " ".join(self.texts)

    def in_utc(self, time_zone: str, now: datetime | None = None) -> "Cron":
        """The expression that means the same in UTC, the only time Kubeflow Pipelines knows.

        Raises:
            UserError: no such time zone; there is no such expression, or summer time changes it.
        """
        offsets = sorted(offsets_of(time_zone, now or datetime.now(UTC)))
        converted = {self.shifted(offset, time_zone) for offset in offsets}
        if len(converted) > 1:
            raise UserError(
                f"cron '{self}' in {time_zone}: its clocks change, and no cron in UTC follows: write it in UTC "
                f"({' or '.join(sorted(map(str, converted)))}) with time_zone: UTC"
            )
        return converted.pop()

    def shifted(self, offset: int, time_zone: str) -> "Cron":
        """The expression in UTC where local time is `offset` minutes ahead of it."""
        if offset == 0:
            return self
        _, minutes, hours, _, _, weekdays = self.values
        moved = {divmod(hour * 60 + minute - offset, MINUTES_A_DAY) for hour in hours for minute in minutes}
        days_moved = {day for day, _ in moved}
        new_hours = {minute // 60 for _, minute in moved}
        new_minutes = {minute % 60 for _, minute in moved}
        texts = [self.texts[0], MINUTES.text(new_minutes), HOURS.text(new_hours), *self.texts[3:]]
        every_date = self.texts[3] in EVERY and self.texts[4] in EVERY
        one_day = len(days_moved) == 1
        if len(moved) < len(new_hours) * len(new_minutes) or not (
            days_moved == {0} or (every_date and (one_day or self.texts[5] in EVERY))
        ):
            raise UserError(
                f"cron '{self}' in {time_zone} is no single cron in UTC, which is all that Kubeflow Pipelines knows: "
                "write it in UTC, or as several schedules"
            )
        if days_moved != {0} and self.texts[5] not in EVERY:
            texts[5] = DAYS_OF_WEEK.text({(weekday + min(days_moved)) % 7 for weekday in weekdays})
        return Cron.parse(" ".join(texts))


def offsets_of(time_zone: str, now: datetime) -> set[int]:
    """Minutes by which local time is ahead of UTC, now and on the days to come.

    Raises:
        UserError: no such time zone.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (LookupError, ValueError, OSError):
        raise UserError(f"there is no time zone '{time_zone}': write one such as UTC or Asia/Tokyo") from None
    days = (now + timedelta(days=day) for day in range(DAYS_LOOKED_AT))
    return {int((day.astimezone(zone).utcoffset() or timedelta()).total_seconds()) // 60 for day in days}
