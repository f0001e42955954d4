"""Dates of holidays on which markets without an exchange of their own close, or may close.

Here: dates by rule, of any year. Not here: which market closes when (``named_hours``), nor the holidays of exchanges,
which the package of ``exchanges`` knows.
"""

from datetime import date, timedelta
from functools import cache

from dateutil.easter import easter  # type: ignore[import-untyped]  # dateutil ships no types

MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
_DAY = timedelta(days=1)


@cache
def good_friday(year: int) -> date:
    """Return the Friday before Easter Sunday (western)."""
    sunday: date = easter(year)
    return sunday - 2 * _DAY


def observed(day: date) -> date:
    """Return the weekday on which a holiday is kept: the Friday before a Saturday, the Monday after a Sunday."""
    return day + {SATURDAY: -_DAY, SUNDAY: _DAY}.get(day.weekday(), timedelta())


@cache
def us_holidays(year: int) -> frozenset[date]:
    """Return the US holidays on which futures trade a part of the day, as observed.

    Martin Luther King's and Presidents' Day, Memorial Day, Juneteenth (from 2022), Independence Day, Labor Day and
    Thanksgiving. Source: the holiday schedules that CME publishes.
    """
    days = {
        _nth(year, 1, MONDAY, 3),
        _nth(year, 2, MONDAY, 3),
        _nth(year, 6, MONDAY, 1) - 7 * _DAY,  # the last Monday of May
        observed(date(year, 7, 4)),
        _nth(year, 9, MONDAY, 1),
        thanksgiving(year),
    }
    return frozenset(days | ({observed(date(year, 6, 19))} if year >= 2022 else set()))


@cache
def thanksgiving(year: int) -> date:
    """Return the fourth Thursday of November."""
    return _nth(year, 11, THURSDAY, 4)


def is_christmas_or_new_year(day: date) -> bool:
    """Whether it is 25 December or 1 January."""
    return (day.month, day.day) in {(12, 25), (1, 1)}


def follows_christmas_or_new_year(day: date) -> bool:
    """Whether it is 26 December or 2 January."""
    return is_christmas_or_new_year(day - _DAY)


def keeps_christmas_or_new_year(day: date) -> bool:
    """Whether 25 December or 1 January is kept on this weekday.

    A Sunday's is kept on Monday, a Saturday's Christmas on the Friday before. A Saturday's New Year is not made up for.
    """
    on_monday = day.weekday() == MONDAY and follows_christmas_or_new_year(day)
    on_friday = day.weekday() == FRIDAY and (day.month, day.day) == (12, 24)
    return is_christmas_or_new_year(day) or on_monday or on_friday


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))
