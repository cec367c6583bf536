"""Cron expressions: what they mean, what is refused, and the same times in UTC."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cluster.schedules.cron import EVERY, FIELDS, Cron

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        (0, "*", range(60)),
        (1, "*/15", [0, 15, 30, 45]),
        (1, "5/20", [5, 25, 45]),
        (2, "8-18/2", [8, 10, 12, 14, 16, 18]),
        (3, "?", range(1, 32)),
        (3, "1,15", [1, 15]),
        (4, "JAN,jul", [1, 7]),
        (4, "3-5", [3, 4, 5]),
        (5, "MON-FRI", [1, 2, 3, 4, 5]),
        (5, "0", [0]),
    ],
)
def test_what_a_field_means(field, text, values):
    assert FIELDS[field].values(text) == set(values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 3 * * *", "cron '0 3 * * *' has 5 fields, not six from seconds to days of the week: write '0 0 3 * * *'"),
        ("@daily", "cron '@daily' has 1 fields, not six"),
        ("", "cron '' has 0 fields, not six"),
        ("60 0 3 * * *", "cron '60 0 3 * * *', seconds: '60' is not from 0 to 59: correct it"),
        ("0 0 24 * * *", "cron '0 0 24 * * *', hours: '24' is not from 0 to 23"),
        ("0 0 3 0 * *", "cron '0 0 3 0 * *', day of the month: '0' is not from 1 to 31"),
        ("0 0 3 * 13 *", "cron '0 0 3 * 13 *', months: '13' is not from 1 to 12"),
        ("0 0 3 * * 7", "cron '0 0 3 * * 7', day of the week: '7' is not from 0 to 6"),
        ("0 0 3 * * MOON", "cron '0 0 3 * * MOON', day of the week: 'MOON' is not from 0 to 6"),
        ("0 */0 3 * * *", "cron '0 */0 3 * * *', minutes: '*/0' has no step from 1 up"),
        ("0 9-5 3 * * *", "cron '0 9-5 3 * * *', minutes: '9-5' is an empty range"),
        ("0 1, 3 * * *", "cron '0 1, 3 * * *', minutes: '' is no number, range or *"),
        ("0 -1 3 * * *", "cron '0 -1 3 * * *', minutes: '-1' is no number, range or *"),
        ("? 0 3 * * *", "cron '? 0 3 * * *', seconds: '?' is for a whole field of days only"),
        ("0 0 3 30 2 *", "cron '0 0 3 30 2 *' never comes: no such month has a day 30"),
        ("0 0 3 31 4,6 ?", "cron '0 0 3 31 4,6 ?' never comes"),
    ],
)
def test_what_is_no_cron_is_refused_in_one_line(text, message):
    with pytest.raises(UserError) as refused:
        Cron.parse(text)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "time_zone", "in_utc"),
    [
        ("0 30 2 * * SUN", "UTC", "0 30 2 * * SUN"),
        ("0 30 2 * * SUN", "Atlantic/Reykjavik", "0 30 2 * * SUN"),
        ("0 0 12 * * *", "Asia/Tokyo", "0 0 3 * * *"),
        ("0 0 3 * * *", "Asia/Tokyo", "0 0 18 * * *"),
        ("0 0 3 * * MON", "Asia/Tokyo", "0 0 18 * * 0"),
        ("0 0 22 * * SAT", "America/Bogota", "0 0 3 * * 0"),
        ("0 0 12 1 * *", "Asia/Tokyo", "0 0 3 1 * *"),
        ("0 15 3 * * *", "Asia/Kolkata", "0 45 21 * * *"),
        ("0 0,30 * * * *", "Asia/Kolkata", "0 0,30 * * * *"),
        ("0 */20 * * * *", "Europe/Berlin", "0 0,20,40 * * * *"),
        ("0 0 6,12 * * *", "Asia/Tokyo", "0 0 3,21 * * *"),
    ],
)
def test_the_same_times_in_utc(text, time_zone, in_utc):
    assert str(Cron.parse(text).in_utc(time_zone, NOW)) == in_utc


@pytest.mark.parametrize(
    ("text", "time_zone", "message"),
    [
        (
            "0 0 3 * * *",
            "Europe/Berlin",
            "cron '0 0 3 * * *' in Europe/Berlin: its clocks change, and no cron in UTC follows: write it in UTC "
            "(0 0 1 * * * or 0 0 2 * * *) with time_zone: UTC",
        ),
        ("0 0 3 1 * *", "Asia/Tokyo", "cron '0 0 3 1 * *' in Asia/Tokyo is no single cron in UTC"),
        ("0 0 3 * JUN *", "Asia/Tokyo", "cron '0 0 3 * JUN *' in Asia/Tokyo is no single cron in UTC"),
        ("0 0 6,12 * * MON", "Asia/Tokyo", "cron '0 0 6,12 * * MON' in Asia/Tokyo is no single cron in UTC"),
        ("0 0,30 3 * * *", "Asia/Kolkata", "cron '0 0,30 3 * * *' in Asia/Kolkata is no single cron in UTC"),
        ("0 0 3 * * *", "Europe/Berlni", "there is no time zone 'Europe/Berlni': write one such as UTC or Asia/Tokyo"),
        ("0 0 3 * * *", "../../etc/passwd", "there is no time zone '../../etc/passwd'"),
        ("0 0 3 * * *", "", "there is no time zone ''"),
    ],
)
def test_times_that_utc_cannot_say_are_refused(text, time_zone, message):
    with pytest.raises(UserError) as refused:
        Cron.parse(text).in_utc(time_zone, NOW)
    assert str(refused.value).startswith(message)


def comes(cron: Cron, when: datetime) -> bool:
    """Whether the expression means this minute, by the rules of Kubeflow Pipelines' scheduler."""
    _, minutes, hours, days, months, weekdays = cron.values
    on_day, on_weekday = when.day in days, when.isoweekday() % 7 in weekdays
    both = cron.texts[3] in EVERY or cron.texts[5] in EVERY
    on_date = on_day and on_weekday if both else on_day or on_weekday
    return when.minute in minutes and when.hour in hours and when.month in months and on_date


def some(lowest, highest):
    """A field: everything, one number, or two."""
    number = st.integers(lowest, highest).map(str)
    return st.one_of(st.just("*"), number, st.tuples(number, number).map(",".join))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.just("0"), some(0, 59), some(0, 23), some(1, 28), some(1, 12), some(0, 6)).map(" ".join),
    st.sampled_from(["UTC", "Asia/Tokyo", "Asia/Kolkata", "America/Bogota", "Pacific/Marquesas", "Europe/Berlin"]),
    st.integers(0, 364),
)
def test_what_is_converted_comes_at_the_same_minutes(text, time_zone, day):
    local = Cron.parse(text)
    try:
        utc = local.in_utc(time_zone, NOW)
    except UserError:
        return
    start = NOW + timedelta(days=day)
    for minute in range(0, 3 * 24 * 60, 7):
        when = start + timedelta(minutes=minute)
        assert comes(utc, when) == comes(local, when.astimezone(ZoneInfo(time_zone)))
