"""The usable daily candles of a symbol by trade date, and which of them a period needs.

A gap in the history must not pass silently: a month without one of its days has no known high. So each question is
answered with all sessions of the calendar, or refused with a reason.

Here: that look-up, and what periods are. Not here: what is computed from the candles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.session_table import BeyondCalendar
from tradematrix_pipelines.markets.sessions import Session

_DAY = timedelta(days=1)
_DAYS_A_SESSION = 2
_LONGEST_HOLIDAYS = 14


class Unavailable(Exception):
    """A level can't be computed from what is stored; the message says why, in one line."""


class Period(StrEnum):
    """A calendar period, of trade dates; a week is an ISO week."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    def start(self, day: date) -> date:
        """Return the first date of the period that a date is in."""
        match self:
            case Period.DAY:
                return day
            case Period.WEEK:
                return day - day.weekday() * _DAY
            case Period.MONTH:
                return day.replace(day=1)
            case Period.QUARTER:
                return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
            case Period.YEAR:
                return date(day.year, 1, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """A daily candle, or what several amount to, in price units.

    Attributes:
        first: trade date of the first session.
        last: trade date of the last one.
        closes_at: when it closed, aware, UTC.
    """

    first: date
    last: date
    closes_at: datetime
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True)
class DailyHistory:
    """The usable daily candles before a session.

    Attributes:
        by_date: complete, final, believed candles by trade date; later ones than ``before`` don't count.
        calendar: the symbol's.
        before: trade date of that session.
    """

    by_date: Mapping[date, Day]
    calendar: SessionCalendar
    before: date

    def until(self, now: datetime) -> "DailyHistory":
        """Return the same without the candles that close after ``now``."""
        known = {day: candle for day, candle in self.by_date.items() if candle.closes_at <= now}
        return DailyHistory(known, self.calendar, self.before)

    def last(self, count: int) -> list[Day]:
        """Return the candles of the last sessions, ascending.

        Raises:
            Unavailable: one of them is not usable.
        """
        span = timedelta(days=_DAYS_A_SESSION * count + _LONGEST_HOLIDAYS)
        sessions = self._sessions(self.before - span, self.before - _DAY)[-count:]
        if len(sessions) < count:
            raise Unavailable(f"there are fewer than {count} sessions before {self.before}")
        return [self._candle(session) for session in sessions]

    def previous(self, period: Period) -> Day:
        """Return the whole period before the one that the session is in.

        Raises:
            Unavailable: it has no session, or one of them is not usable.
        """
        if period is Period.DAY:
            return self.last(1)[0]
        last = period.start(self.before) - _DAY
        return merged([self._candle(session) for session in self._sessions(period.start(last), last)])

    def first_of(self, period: Period) -> Day | None:
        """Return the first candle of the period that the session is in; ``None`` where the session is its first.

        Raises:
            Unavailable: the candle is not usable.
        """
        first = self._sessions(period.start(self.before), self.before)[0]
        return None if first.trade_date == self.before else self._candle(first)

    def _sessions(self, first: date, last: date) -> list[Session]:
        try:
            sessions = self.calendar.sessions(first, last)
        except BeyondCalendar as error:
            raise Unavailable(str(error)) from None
        if not sessions:
            raise Unavailable(f"no session from {first} to {last}")
        return sessions

    def _candle(self, session: Session) -> Day:
        candle = self.by_date.get(session.trade_date)
        if candle is None:
            raise Unavailable(f"session {session.trade_date} is not stored complete, final and believed")
        return candle


def merged(days: list[Day]) -> Day:
    """Return what ascending daily candles amount to."""
    return Day(
        first=days[0].first,
        last=days[-1].last,
        closes_at=days[-1].closes_at,
        open=days[0].open,
        high=max(day.high for day in days),
        low=min(day.low for day in days),
        close=days[-1].close,
    )
