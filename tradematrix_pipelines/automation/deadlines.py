"""The two times of day by which traders expect the levels: 20:59 and 07:55 in Berlin."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol

BERLIN = ZoneInfo("Europe/Berlin")
DAILY_CLOSE, DAILY_CLOSE_DAYS = time(20, 59), range(5)
PIVOTS, PIVOTS_DAYS = time(7, 55), range(1, 6)

_DAY = timedelta(days=1)
_ALLOWED = timedelta(minutes=15)
"""From a session's close to its levels; a close later than this before a deadline is not due by it."""


def last_deadline(now: datetime) -> datetime:
    """Return the newest deadline at or before ``now``, aware, in Berlin."""
    today = now.astimezone(BERLIN).date()
    return max(deadline for deadline in _deadlines(today - n * _DAY for n in range(4)) if deadline <= now)


def next_deadline(now: datetime) -> datetime:
    """Return the first deadline after ``now``, aware, in Berlin."""
    today = now.astimezone(BERLIN).date()
    return min(deadline for deadline in _deadlines(today + n * _DAY for n in range(5)) if deadline > now)


def levels_due_by(deadline: datetime, symbol: Symbol) -> Session:
    """Return the session whose levels are due at a deadline: the one after the last that had closed by then."""
    calendar = calendar_of(symbol)
    before: date = deadline.date() + 2 * _DAY
    session = calendar.previous(before)
    while session.closes_at + _ALLOWED > deadline:
        session = calendar.previous(session.trade_date)
    return calendar.next(session.trade_date)


def _deadlines(days: Iterable[date]) -> list[datetime]:
    return [
        datetime.combine(day, at, BERLIN)
        for day in days
        for at, weekdays in ((DAILY_CLOSE, DAILY_CLOSE_DAYS), (PIVOTS, PIVOTS_DAYS))
        if day.weekday() in weekdays
    ]
