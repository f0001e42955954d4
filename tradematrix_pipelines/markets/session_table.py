"""A calendar kept as a table of sessions that grows with the dates that are asked for.

Here: looking sessions up by date or instant, and growing. Not here: where sessions come from; that is a
``Source`` (``hours``, ``exchanges``). Decades of an exchange take a second, so only the years asked for are read.
Nothing here reads a clock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.sessions import Session

EARLIEST = date(1990, 1, 1)
LATEST = date(2100, 12, 31)
# A session's instants lie within two days of its trade date in every zone.
_MARGIN = timedelta(days=2)
_DAY, _YEAR = timedelta(days=1), timedelta(days=366)

Source = Callable[[date, date], Sequence[Session]]
"""Returns all sessions with trade dates in an inclusive range, ascending."""


class BeyondCalendar(UsageError):
    """A date outside the calendar's range."""


class _Table:
    """Sessions of one range of dates, indexed. Immutable, so that threads may share it."""

    def __init__(self, sessions: Sequence[Session], first: date, last: date) -> None:
        self.sessions = list(sessions)
        self.first = first
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
        self._table: _Table | None = None

    def __repr__(self) -> str:
        return f"<calendar {self.name}>"

    def session(self, trade_date: date) -> Session | None:
        return self._covering(trade_date, trade_date).by_date.get(trade_date)

    def sessions(self, first: date, last: date) -> list[Session]:
        if first > last:
            return []
        table = self._covering(first, last)
        return table.sessions[bisect_left(table.dates, first) : bisect_right(table.dates, last)]

    def previous(self, trade_date: date) -> Session:
        table = self._covering(trade_date, trade_date)
        while (index := bisect_left(table.dates, trade_date)) == 0:
            if table.first == self.first_date:
                raise self._beyond(trade_date - _DAY)
            table = self._covering(table.first - _DAY, trade_date)
        return table.sessions[index - 1]

    def next(self, trade_date: date) -> Session:
        table = self._covering(trade_date, trade_date)
        while (index := bisect_right(table.dates, trade_date)) == len(table.dates):
            table = self._covering(trade_date, table.last + _DAY)
        return table.sessions[index]

    def at(self, instant: datetime) -> Session | None:
        if instant.tzinfo is None:
            msg = f"{instant!r} has no zone"
            raise ValueError(msg)
        day = instant.astimezone(UTC).date()
        self._check(day)
        table = self._covering(max(day - _MARGIN, self.first_date), min(day + _MARGIN, self.last_date))
        index = bisect_right(table.opens, instant) - 1
        if index < 0 or instant >= table.sessions[index].closes_at:
            return None
        return table.sessions[index]

    def _covering(self, first: date, last: date) -> _Table:
        """Return a table of these dates and more, growing by whole years where needed."""
        self._check(first)
        self._check(last)
        table = self._table
        if table is None or first < table.first or last > table.last:
            # Two threads may both build; both tables are right, and the later one stays.
            table = self._table = self._grown(table, first, last)
        return table

    def _grown(self, table: _Table | None, first: date, last: date) -> _Table:
        begin = date(max(first.year - 1, EARLIEST.year), 1, 1)
        end = date(min(last.year + 1, LATEST.year), 12, 31)
        # No rest of less than a year: a source may not like a range without a session.
        begin = self.first_date if begin - _YEAR < self.first_date else begin
        end = self.last_date if end + _YEAR > self.last_date else end
        if table is None:
            return _Table(self._source(begin, end), begin, end)
        begin, end = min(begin, table.first), max(end, table.last)
        before = self._source(begin, table.first - _DAY) if begin < table.first else ()
        after = self._source(table.last + _DAY, end) if end > table.last else ()
        return _Table([*before, *table.sessions, *after], begin, end)

    def _check(self, day: date) -> None:
        if not self.first_date <= day <= self.last_date:
            raise self._beyond(day)

    def _beyond(self, day: date) -> BeyondCalendar:
        return BeyondCalendar(
            f"calendar {self.name} knows {self.first_date} to {self.last_date}, not {day}: ask for a date in between"
        )
