"""Trading hours as rules, and the sessions that follow from them: for markets that trade on no exchange.

Brokers differ on the same holiday: one stops at noon, another goes on. A calendar that closed hard would drop real
bars; one that did not know the day would call it incomplete. So a day can be one on which the market *may* close early,
open late or stay closed: all bars of the usual hours belong to the session, and only those of the certain hours are
required.

Here: that model. Not here: the rules of named markets (``named_hours``).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.holidays import SATURDAY
from tradematrix_pipelines.markets.sessions import Session

_DAY = timedelta(days=1)
_EDGE = re.compile(r"(\d{1,2}):(\d{2})\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Edge:
    """A time of day on the wall clock of a zone; the zones of a market's open and close may differ."""

    at: time
    zone: ZoneInfo

    def on(self, day: date) -> datetime:
        """Return the instant, UTC, at which that clock shows the time on this date."""
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.at:%H:%M} {self.zone.key}"


@dataclass(frozen=True, slots=True)
class Day:
    """How a trade date differs from the usual one.

    Attributes:
        closed: there is no session.
        may_be_closed: a day without a bar is a closed day, not one with missing bars.
        closes: a certain close that differs from the usual one, or ``None``.
        may_open: until when the first bar may be absent; the last such time before the close.
        may_close: from when on, on the trade date, bars may be absent.
    """

    closed: bool = False
    may_be_closed: bool = False
    closes: Edge | None = None
    may_open: Edge | None = None
    may_close: Edge | None = None


USUAL = Day()
CLOSED = Day(closed=True)

Rule = Callable[[date], Day]
"""Returns how a weekday differs; deterministic."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinedHours:
    """The hours of a market as a user defines them.

    Attributes:
        pause: start and end of a break within each session, or ``None``.
        holidays: the calendar on whose closed days the market is closed, or ``None``: it trades on every weekday.
    """

    opens: Edge
    closes: Edge
    pause: tuple[Edge, Edge] | None = None
    holidays: str | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a market, Monday to Friday.

    Attributes:
        opens: an open that is not before the close of the same date is the evening before.
        rule: the days that differ.
        pause: start and end of a break within each session, or ``None``.
    """

    opens: Edge
    closes: Edge
    rule: Rule = field(default=lambda _: USUAL)
    pause: tuple[Edge, Edge] | None = None

    def sessions(self, first: date, last: date) -> list[Session]:
        """Return the sessions with trade dates from ``first`` to ``last``, both included, ascending."""
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        weekdays = [(day, self.rule(day)) for day in days if day.weekday() < SATURDAY]
        return [self.session(day, special) for day, special in weekdays if not special.closed]

    def session(self, day: date, special: Day = USUAL) -> Session:
        """Return the session of a trade date that has one."""
        close = special.closes or self.closes
        opens, closes = _before(close, self.opens, day), close.on(day)
        may_open = None if special.may_open is None else _before(close, special.may_open, day)
        may_close = None if special.may_close is None else special.may_close.on(day)
        starts, ends = (None, None) if self.pause is None else (_before(close, edge, day) for edge in self.pause)
        return Session(
            trade_date=day,
            opens_at=opens,
            closes_at=closes,
            break_starts_at=starts,
            break_ends_at=ends,
            may_open_at=may_open if may_open and opens < may_open < closes else None,
            may_close_at=may_close if may_close and opens < may_close < closes else None,
            may_be_closed=special.may_be_closed,
        )


def _before(close: Edge, edge: Edge, day: date) -> datetime:
    """Return the last instant before a trade date's close at which the clock of ``edge`` shows its time."""
    return edge.on(day) if edge.on(day) < close.on(day) else edge.on(day - _DAY)


def parse_edge(text: str) -> Edge:
    """Return the edge that a text such as ``22:00 Europe/Berlin`` or ``00:30 UTC`` describes.

    Raises:
        UsageError: it describes none.
    """
    match = _EDGE.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        return Edge(time(int(match[1]), int(match[2])), ZoneInfo(match[3]))
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise UsageError(
            f"{text!r} is no time with its zone: give one like '22:00 Europe/Berlin' or '00:30 UTC'"
        ) from None
