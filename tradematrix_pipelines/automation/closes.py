"""Which sessions have closed and are to be brought in whole, and which levels follow from those that are there.

All of it follows from what is stored, so that a tick that was missed is made up for by the next one.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

SETTLING = timedelta(minutes=2)
"""From a session's close until it is asked for: vendors publish the last minute and the official day late."""

LOOKBACK = timedelta(days=30)
"""How far back a machine that was off catches up by itself, from the first session that is stored."""

_FRESH = 5
"""Sessions that are brought in where nothing is stored yet."""


def closed_sessions(symbol: Symbol, now: datetime, *, since: date) -> list[Session]:
    """Return the sessions of the last 30 days, none before ``since``, that have closed and settled at ``now``."""
    first = max(since, (now - LOOKBACK).date())
    found = get_calendar(symbol.calendar).sessions(first, now.date() + timedelta(days=1))
    return [session for session in found if session.closes_at + SETTLING <= now]


def due_sessions(
    symbol: Symbol, rows: Sequence[StoredCoverage], now: datetime, *, since: date
) -> dict[date, tuple[Timeframe, ...]]:
    """Return the closed sessions that nobody has asked for since they closed, with the timeframes that lack.

    A session that was asked for and did not come is not due: asking again is a matter of healing.

    Args:
        rows: the coverage of ``symbol`` in the last 30 days.
        since: first trade date of the partitions.
    """
    known = {(row.coverage.trade_date, row.coverage.timeframe): row for row in rows}
    sessions = closed_sessions(symbol, now, since=since)
    begun = min((day for day, _ in known), default=date.max)
    candidates = [
        session
        for place, session in enumerate(sessions)
        if session.trade_date >= begun or place >= len(sessions) - _FRESH
    ]
    due = {}
    for session in candidates:
        lacking = [each for each in Timeframe if _unasked(known.get((session.trade_date, each)), session)]
        if lacking:
            due[session.trade_date] = tuple(lacking)
    return due


def due_levels(
    symbol: Symbol, days: Iterable[StoredCoverage], computed: Collection[date], now: datetime
) -> dict[date, datetime]:
    """Return the trade dates whose levels are not there.

    Args:
        days: coverage of the daily bars in the last 30 days.
        computed: trade dates whose levels are there, and fit the day that they come from.

    Returns:
        By trade date: when the session that the levels come from was stored.
    """
    calendar = get_calendar(symbol.calendar)
    due = {}
    for row in days:
        found = row.coverage
        if not (found.ok and found.final and found.received) or found.closes_at is None or found.closes_at > now:
            continue
        coming = calendar.next(found.trade_date).trade_date
        if coming not in computed:
            due[coming] = row.checked_at
    return due


def _unasked(row: StoredCoverage | None, session: Session) -> bool:
    if row is None:
        return True
    whole = row.coverage.ok and row.coverage.final
    return not whole and row.checked_at < session.closes_at + SETTLING
