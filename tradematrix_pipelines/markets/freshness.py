"""Whether stored candles are as new as the market's calendar requires.

Here: the rule, for one symbol's calendar: no bar is due at night, on a weekend or on a holiday. Not here: what is
stored (``storage.freshness``), or where it is reported (``defs.checks``).

While a session runs, its newest bar counts (:func:`behind`). Otherwise, and always for daily bars and levels, the last
session that must be stored counts (:attr:`Due.finished`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tradematrix_pipelines.markets.calendars import SessionCalendar, last_closed
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import Timeframe

ALLOWANCE = timedelta(minutes=15)
"""How long ago, in trading time, the newest minute of a running session may have closed."""
GRACE = timedelta(minutes=30)
"""How long after its close a session must be stored complete and final."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """What must be stored at an instant.

    Attributes:
        running: the session whose newest bar counts: the one that is open, or that has closed and is within its
            grace; else ``None``.
        finished: the last session whose grace is over; it must be complete and final.
    """

    running: Session | None
    finished: Session


def due(calendar: SessionCalendar, now: datetime) -> Due:
    """Return what must be stored at ``now`` (aware)."""
    # A session that was open one grace ago and is not open now has closed within the grace.
    return Due(running=calendar.at(now) or calendar.at(now - GRACE), finished=last_closed(calendar, now - GRACE))


def allowance(timeframe: Timeframe, gap_tolerance: int | None) -> timedelta:
    """Return how long ago, in trading time, the newest bar of an intraday timeframe may have closed.

    For one-minute bars it is ALLOWANCE plus the symbol's gap tolerance (minutes); a longer bar takes longer to close.

    Raises:
        ValueError: the daily timeframe, whose bar comes after the session.
    """
    if timeframe.minutes is None:
        msg = "a running session has no daily bar yet"
        raise ValueError(msg)
    return ALLOWANCE + timedelta(minutes=(gap_tolerance or 0) + timeframe.minutes - 1)


def behind(session: Session, newest: datetime | None, *, allowed: timedelta, now: datetime) -> str | None:
    """Return why a running session is late, in one line, or ``None`` when it is not.

    It is late when more trading time than ``allowed`` has passed, up to its close, since its newest bar closed, or
    since it opened where it has none. So a session younger than that is never late, and a midday break does not count;
    neither do hours in which the market may be closed.
    The line stays the same until a newer bar comes.

    Args:
        newest: when the newest stored bar closed, aware; ``None`` or before the session's open: the session has no bar.
        allowed: see :func:`allowance`.
        now: aware.
    """
    if waiting(session, newest, now=now) <= allowed:
        return None
    begins = session.required_from
    since = begins if newest is None else max(newest, begins)
    limit = f"more than {allowed // timedelta(minutes=1)} minutes of trading"
    if since == begins:
        return f"session {session.trade_date} has no bar {limit} after its open at {since:%Y-%m-%d %H:%M} UTC"
    return f"session {session.trade_date} has no bar for {limit} after {since:%Y-%m-%d %H:%M} UTC"


def waiting(session: Session, newest: datetime | None, *, now: datetime) -> timedelta:
    """Return the trading time since a running session's newest bar closed, or since it opened where it has none.

    Nothing where the market may be closed, or has not to trade yet.

    Args:
        newest: when the newest stored bar closed, aware; ``None`` or before the session's open: the session has no bar.
        now: aware.
    """
    if session.may_be_closed:
        return timedelta(0)
    since = session.required_from if newest is None else max(newest, session.required_from)
    return max(_trading_time(session, since, min(now, session.required_until)), timedelta(0))


def _trading_time(session: Session, start: datetime, end: datetime) -> timedelta:
    passed = end - start
    if session.break_starts_at is None or session.break_ends_at is None:
        return passed
    idle = min(end, session.break_ends_at) - max(start, session.break_starts_at)
    return passed - max(idle, timedelta(0))
