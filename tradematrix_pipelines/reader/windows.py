"""The window of one symbol that is read, from what was asked.

A date counts as its session: the window begins with the open of the first, and ends with the close of the last. Here:
windows and the sessions in them. Not here: what is read in a window.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import SessionCalendar

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Bars with ``start <= ts < end`` (aware, UTC).

    Attributes:
        first: the first trade date that may have such a bar; ``None`` = that of what is stored.
        last: the last one.
    """

    start: datetime
    end: datetime
    first: date | None
    last: date


def window_of(calendar: SessionCalendar, start: date | datetime | None, end: date | datetime) -> Window:
    """Return the window between two moments; a date as end is included, an instant is not.

    Raises:
        UsageError: the end is before the start.
    """
    first, opens = _beginning(calendar, start)
    last, closes = _ending(calendar, end)
    if start is not None and _day(start) > _day(end):
        raise UsageError(f"start={start} is after end={end}: swap them")
    return Window(start=opens, end=closes, first=first, last=last)


def whole_weeks(window: Window) -> Window:
    """Return a window with the rest of the ISO weeks that it begins and ends in."""
    first = window.first and window.first - timedelta(days=window.first.weekday())
    last = window.last + timedelta(days=6 - window.last.weekday())
    return Window(start=window.start, end=window.end, first=first, last=last)


def _beginning(calendar: SessionCalendar, start: date | datetime | None) -> tuple[date | None, datetime]:
    if start is None:
        return None, _BEGINNING
    if isinstance(start, datetime):
        return start.date() - _DAY, start
    session = calendar.next(start - _DAY)
    return session.trade_date, session.opens_at


def _ending(calendar: SessionCalendar, end: date | datetime) -> tuple[date, datetime]:
    if isinstance(end, datetime):
        return end.date() + _DAY, end
    session = calendar.previous(end + _DAY)
    return session.trade_date, session.closes_at


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment
