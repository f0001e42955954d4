"""The hours of spot FX, metals and index CFDs, by name.

Derived from years of bars of six sources, since most of these hours are published nowhere; times to the minute are
those of the futures that the prices follow (CME, Eurex). Here: those rules. Not here: what a rule can say (``hours``).
"""

from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from tradematrix_pipelines.markets.holidays import (
    FRIDAY,
    MONDAY,
    SATURDAY,
    follows_christmas_or_new_year,
    good_friday,
    is_christmas_or_new_year,
    keeps_christmas_or_new_year,
    thanksgiving,
    us_holidays,
)
from tradematrix_pipelines.markets.hours import CLOSED, USUAL, Day, Edge, Hours
from tradematrix_pipelines.markets.session_table import EARLIEST, LATEST, TableCalendar

FX = "FX"
METALS = "METALS"

_NEW_YORK = ZoneInfo("America/New_York")
_BERLIN = ZoneInfo("Europe/Berlin")
_UTC = ZoneInfo("UTC")
_DAY, _NONE = timedelta(days=1), timedelta()
_NOON = time(12)
_USUALLY_APART = timedelta(hours=6)
# CME closed metals at 13:00 on holidays until then, and at 14:30 since.
_LATER_HOLIDAY_CLOSE = date(2022, 2, 1)
# And the day after Thanksgiving an hour later.
_LATER_BLACK_FRIDAY = date(2024, 1, 1)
# Until then metals paused from 17:15 on.
_EARLIER_BREAK = date(2015, 9, 22)


@cache
def _new_york(hour: int, minute: int = 0) -> Edge:
    return Edge(time(hour, minute), _NEW_YORK)


def _fx(day: date) -> Day:
    if is_christmas_or_new_year(day):
        return CLOSED
    follows = follows_christmas_or_new_year(day)
    return Day(
        may_be_closed=follows and day.weekday() == MONDAY,
        may_open=_new_york(8) if follows else _late_open(day),
        may_close=_new_york(14) if _is_eve(day) else None,
    )


def _is_eve(day: date) -> bool:
    """Whether 24 or 31 December, or the Friday before where they are no weekdays."""
    eves = [date(day.year, 12, number) for number in (24, 31)]
    return day in {eve if eve.weekday() < SATURDAY else eve - (eve.weekday() - FRIDAY) * _DAY for eve in eves}


def _late_open(day: date) -> Edge | None:
    """Return until when brokers on Athens time open in the weeks in which US and European clocks differ."""
    noon = datetime.combine(day, _NOON)
    apart = (_BERLIN.utcoffset(noon) or _NONE) - (_NEW_YORK.utcoffset(noon) or _NONE)
    return None if apart == _USUALLY_APART else _new_york(18)


def _metals(day: date) -> Day:
    if day == good_friday(day.year) or keeps_christmas_or_new_year(day):
        return CLOSED
    closes = _new_york(17, 15) if day < _EARLIER_BREAK else None
    if day in us_holidays(day.year):
        later = day >= _LATER_HOLIDAY_CLOSE and day.weekday() != FRIDAY
        return Day(closes=closes, may_close=_new_york(14, 30) if later else _new_york(13))
    if day == thanksgiving(day.year) + _DAY:
        return Day(closes=closes, may_close=_new_york(14 if day >= _LATER_BLACK_FRIDAY else 13, 45))
    if (day.month, day.day) == (12, 24):
        return Day(closes=closes, may_close=_new_york(13, 45))
    return Day(closes=closes) if closes else USUAL


def _us_index(day: date) -> Day:
    if day == good_friday(day.year):
        # In the first week of April the employment report comes out, and index futures trade until after it.
        report = day.month == 4 and day.day <= 7
        return Day(closes=_new_york(9, 15), may_be_closed=True) if report else CLOSED
    if keeps_christmas_or_new_year(day):
        return CLOSED
    if day in us_holidays(day.year):
        return Day(may_close=_new_york(13))
    if day == thanksgiving(day.year) + _DAY or (day.month, day.day) in {(12, 24), (7, 3)}:
        return Day(may_close=_new_york(13, 15))
    return Day(may_open=_new_york(2)) if follows_christmas_or_new_year(day) else USUAL


def _german_index(day: date) -> Day:
    """Eurex' holidays."""
    easter_monday = good_friday(day.year) + 3 * _DAY
    fixed = {(12, 24), (12, 25), (12, 26), (12, 31), (1, 1), (5, 1)}
    closed = (day.month, day.day) in fixed or day in {good_friday(day.year), easter_monday}
    if closed:
        return CLOSED
    return Day(may_open=Edge(time(8), _BERLIN)) if (day.month, day.day) == (1, 2) else USUAL


_US_INDEX = Hours(_new_york(18), _new_york(17), _us_index)

NAMED = {
    FX: Hours(_new_york(17), _new_york(17), _fx),
    METALS: Hours(_new_york(18), _new_york(17), _metals),
    "DE40": Hours(Edge(time(0, 30), _UTC), Edge(time(22), _BERLIN), _german_index),
    "US30": _US_INDEX,
    "NAS100": _US_INDEX,
    "US500": _US_INDEX,
}
"""The hours of each named market; a session is named by the date on which it closes."""


def named_calendar(name: str) -> TableCalendar:
    """Return the calendar of a market of ``NAMED``."""
    hours = NAMED[name]
    return TableCalendar(
        name=name, timezone=hours.closes.zone, source=hours.sessions, first_date=EARLIEST, last_date=LATEST
    )
