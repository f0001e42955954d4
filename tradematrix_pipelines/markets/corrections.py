"""Corrections of calendars: what a user knows of a trade date that the calendar does not.

Exchanges close on a day's notice, and no package follows that quickly. Here: one correction as a value, and laying
corrections over a calendar. Not here: where they are stored (``storage.calendars``), or who has which (``calendars``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.hours import Edge
from tradematrix_pipelines.markets.session_table import TableCalendar
from tradematrix_pipelines.markets.sessions import Session

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """What replaces a calendar's session of one trade date.

    Attributes:
        opens_at: the session's open, aware, UTC; ``None`` where the market is closed.
        closes_at: its close; ``None`` where the market is closed.
    """

    trade_date: date
    opens_at: datetime | None = None
    closes_at: datetime | None = None

    def session(self, usual: Session | None) -> Session | None:
        """Return the session of the trade date, ``None`` where the market is closed.

        Args:
            usual: the calendar's own session; its midday break stays where it lies within the hours.
        """
        if self.opens_at is None or self.closes_at is None:
            return None
        pause = (None, None) if usual is None else (usual.break_starts_at, usual.break_ends_at)
        inside = pause[0] is not None and pause[1] is not None and self.opens_at < pause[0] < pause[1] < self.closes_at
        return Session(self.trade_date, self.opens_at, self.closes_at, *(pause if inside else (None, None)))


def corrected(calendar: TableCalendar, corrections: Sequence[Correction]) -> TableCalendar:
    """Return a calendar with the sessions that ``corrections`` say, and those of ``calendar`` on all other dates.

    Args:
        corrections: at most one a trade date.
    """
    by_date = {correction.trade_date: correction for correction in corrections}

    def sessions(first: date, last: date) -> list[Session]:
        usual = {session.trade_date: session for session in calendar.sessions(first, last)}
        replaced = {
            day: correction.session(usual.get(day)) for day, correction in by_date.items() if first <= day <= last
        }
        merged = sorted((usual | replaced).items())
        return [session for _, session in merged if session is not None]

    return TableCalendar(
        name=calendar.name,
        timezone=calendar.timezone,
        source=sessions,
        first_date=calendar.first_date,
        last_date=calendar.last_date,
    )


def hours_on(calendar: TableCalendar, trade_date: date, *, opens: Edge, closes: Edge) -> Correction:
    """Return the correction that gives a trade date other hours; an open that is not before the close is the evening
    before.

    Raises:
        UsageError: the hours overlap those of the session before or after.
    """
    closes_at = closes.on(trade_date)
    opens_at = opens.on(trade_date) if opens.on(trade_date) < closes_at else opens.on(trade_date - _DAY)
    before, after = calendar.previous(trade_date), calendar.next(trade_date)
    if before.closes_at > opens_at or after.opens_at < closes_at:
        other = before if before.closes_at > opens_at else after
        raise UsageError(
            f"{opens_at:%Y-%m-%d %H:%M} to {closes_at:%Y-%m-%d %H:%M} UTC overlap session {other.trade_date} of "
            f"{calendar.name} ({other.opens_at:%Y-%m-%d %H:%M} to {other.closes_at:%Y-%m-%d %H:%M} UTC): "
            "give other hours"
        )
    return Correction(trade_date=trade_date, opens_at=opens_at, closes_at=closes_at)
