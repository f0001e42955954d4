"""Which closed sessions are due to be fetched, and which levels are due to be computed.

Both follow from what is stored, so the next tick makes up for a missed one.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

SETTLING = timedelta(minutes=2)
"""From a session's close until it is fetched: vendors publish the last minute and the official day late."""

LOOKBACK = timedelta(days=30)
"""How far back a machine that was off catches up by itself, from the first session that is stored."""

_FRESH = 5
"""Sessions that are fetched where nothing is stored yet."""


def closed_sessions(symbol: Symbol, now: datetime, *, since: date) -> list[Session]:
    """Return the sessions of the last 30 days, none before ``since``, that have closed and settled at ``now``."""
    first = max(since, (now - LOOKBACK).date())
    sessions = get_calendar(symbol.calendar).sessions(first, now.date() + timedelta(days=1))
    return [session for session in sessions if session.closes_at + SETTLING <= now]


def due_sessions(
    symbol: Symbol, rows: Sequence[StoredCoverage], now: datetime, *, since: date
) -> dict[date, tuple[Timeframe, ...]]:
    """Return the closed sessions that were not fetched since they closed, with the timeframes that are missing.

    A session that was fetched without result is not due: fetching it again is a matter of healing.

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
        missing = [
            timeframe for timeframe in Timeframe if _needs_fetch(known.get((session.trade_date, timeframe)), session)
        ]
        if missing:
            due[session.trade_date] = tuple(missing)
    return due


def due_levels(
    symbol: Symbol, days: Iterable[StoredCoverage], computed: Collection[date], now: datetime
) -> dict[date, datetime]:
    """Return the trade dates whose levels are missing.

    Args:
        days: coverage of the daily bars in the last 30 days.
        computed: trade dates whose stored levels match the day that they come from.

    Returns:
        By trade date: when the session that the levels come from was stored.
    """
    calendar = get_calendar(symbol.calendar)
    due = {}
    for row in days:
        day = row.coverage
        if not (day.ok and day.final and day.received) or day.closes_at is None or day.closes_at > now:
            continue
        next_date = calendar.next(day.trade_date).trade_date
        if next_date not in computed:
            due[next_date] = row.checked_at
    return due


def _needs_fetch(row: StoredCoverage | None, session: Session) -> bool:
    if row is None:
        return True
    complete = row.coverage.ok and row.coverage.final
    return not complete and row.checked_at < session.closes_at + SETTLING
