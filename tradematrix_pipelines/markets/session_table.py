"""A calendar kept as a table of sessions that grows when later dates are asked for.

Here: looking sessions up by date or instant, and growing. Not here: where sessions come from; that is a
``Source`` (``fx``, ``exchanges``). Nothing here reads a clock: a table grows with the dates asked for.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.sessions import Session

EARLIEST = date(1990, 1, 1)
LATEST = date(2100, 12, 31)
# The first table reaches this far, so that it is built once for the usual dates.
_FIRST_REACH = date(2030, 12, 31)
# A session's instants lie within two days of its trade date in every zone.
_MARGIN = timedelta(days=2)

Source = Callable[[date, date], Sequence[Session]]
"""Returns all sessions with trade dates in an inclusive range, ascending."""


class BeyondCalendar(UsageError):
    """A date outside the calendar's range."""


class _Table:
    """Sessions of one range, indexed. Immutable, so that threads may share it."""

    def __init__(self, sessions: Sequence[Session], last: date) -> None:
        self.sessions = list(sessions)
        self.last = last
        self.by_date = {session.trade_date: session for session in sessions}
        self.dates = [session.trade_date for session in sessions]
        self.opens = [session.opens_at for session in sessions]


class TableCalendar:
    """A :class:`~tradematrix_pipelines.markets.calendars.SessionCalendar` over a source of sessions.

    Attributes:
        name: the name that it was requested by.
        timezone: zone of the exchange's wall clock.
        first_date: first date it covers; earlier ones raise :class:`BeyondCalendar`.
        last_date: last date it covers; later ones raise :class:`BeyondCalendar`.
    """

    def __init__(self, *, name: str, timezone: ZoneInfo, source: Source, first_date: date, last_date: date) -> None:
        self.name = name
        self.timezone = timezone
        self.first_date = first_date
        self.last_date = last_date
        self._source = source
        self._table = self._build(min(_FIRST_REACH, last_date))

    def __repr__(self) -> str:
        return f"<calendar {self.name}>"

    def session(self, trade_date: date) -> Session | None:
        return self._covering(trade_date).by_date.get(trade_date)

    def sessions(self, first: date, last: date) -> list[Session]:
        if first > last:
            return []
        self._check(first)
        table = self._covering(last)
        return table.sessions[bisect_left(table.dates, first) : bisect_right(table.dates, last)]

    def previous(self, trade_date: date) -> Session:
        table = self._covering(trade_date)
        index = bisect_left(table.dates, trade_date)
        if index == 0:
            raise self._beyond(trade_date - timedelta(days=1))
        return table.sessions[index - 1]

    def next(self, trade_date: date) -> Session:
        table = self._covering(trade_date)
        while (index := bisect_right(table.dates, trade_date)) == len(table.dates):
            table = self._covering(table.last + timedelta(days=1))
        return table.sessions[index]

    def at(self, instant: datetime) -> Session | None:
        if instant.tzinfo is None:
            msg = f"{instant!r} has no zone"
            raise ValueError(msg)
        day = instant.astimezone(UTC).date()
        self._check(day)
        table = self._covering(min(day + _MARGIN, self.last_date))
        index = bisect_right(table.opens, instant) - 1
        if index < 0 or instant >= table.sessions[index].closes_at:
            return None
        return table.sessions[index]

    def _covering(self, day: date) -> _Table:
        """Return a table that reaches ``day``, growing to the end of the year after it where needed."""
        self._check(day)
        table = self._table
        if day > table.last:
            # Two threads may both build; both tables are right, and the later one stays.
            table = self._table = self._build(min(date(min(day.year + 1, LATEST.year), 12, 31), self.last_date))
        return table

    def _check(self, day: date) -> None:
        if not self.first_date <= day <= self.last_date:
            raise self._beyond(day)

    def _build(self, last: date) -> _Table:
        return _Table(self._source(self.first_date, last), last)

    def _beyond(self, day: date) -> BeyondCalendar:
        return BeyondCalendar(
            f"calendar {self.name} knows {self.first_date} to {self.last_date}, not {day}: ask for a date in between"
        )
