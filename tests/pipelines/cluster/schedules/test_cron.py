"""Cron expressions: what they mean, and what is refused."""

import pytest

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cluster.schedules.cron import FIELDS, check_cron


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
        check_cron(text)
    assert str(refused.value).startswith(message)


def test_a_cron_is_kept_as_it_is_written():
    assert check_cron(" 0  30 2 * * SUN ") == "0 30 2 * * SUN"
