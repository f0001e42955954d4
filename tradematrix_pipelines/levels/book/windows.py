"""Session windows: the hours of Asia, London and New York for FX and metals, of the cash market and before for CFDs.

Here: the windows as rows, each in the local time of its market, and their highs and lows. A window is known when its
last minute has closed. Not here: which minutes have to be there (``parts``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from tradematrix_pipelines.levels.book.history import Unavailable
from tradematrix_pipelines.levels.book.model import Absent, BookContext, Known, Minutes, Source
from tradematrix_pipelines.levels.book.parts import complete_part
from tradematrix_pipelines.markets.hours import Edge
from tradematrix_pipelines.markets.sessions import Session

_DAY = timedelta(days=1)


def _edge(hour: int, minute: int, zone: str) -> Edge:
    return Edge(time(hour, minute), ZoneInfo(zone))


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A window of each session of some calendars.

    Attributes:
        starts: ``None`` = with the session.
        ends: the first such time after its start.
        calendars: names of the calendars that have it.
    """

    name: str
    starts: Edge | None
    ends: Edge
    calendars: tuple[str, ...]

    def in_session(self, session: Session) -> tuple[datetime, datetime]:
        """Return when it starts and ends in a session, aware, UTC.

        Raises:
            Unavailable: it does not start in this session.
        """
        start = session.opens_at if self.starts is None else time_in(session, self.starts)
        ends = (self.ends.on(start.date() + offset * _DAY) for offset in (-1, 0, 1, 2))
        return start, next(end for end in ends if end > start)


def time_in(session: Session, edge: Edge) -> datetime:
    """Return the instant of a session at which a clock shows a time, aware, UTC.

    Raises:
        Unavailable: there is none.
    """
    for offset in (-1, 0, 1):
        moment = edge.on(session.trade_date + offset * _DAY)
        if session.opens_at <= moment < session.closes_at:
            return moment
    raise Unavailable(f"session {session.trade_date} has no {edge}")


SPOT = ("FX", "METALS")
US_INDICES = ("US30", "NAS100", "US500")
XETRA_OPENS, NEW_YORK_OPENS = _edge(9, 0, "Europe/Berlin"), _edge(9, 30, "America/New_York")

WINDOWS = (
    Window(name="asia", starts=_edge(9, 0, "Asia/Tokyo"), ends=_edge(18, 0, "Asia/Tokyo"), calendars=SPOT),
    Window(name="london", starts=_edge(8, 0, "Europe/London"), ends=_edge(17, 0, "Europe/London"), calendars=SPOT),
    Window(
        name="new_york", starts=_edge(8, 0, "America/New_York"), ends=_edge(17, 0, "America/New_York"), calendars=SPOT
    ),
    Window(name="pre_open", starts=None, ends=XETRA_OPENS, calendars=("DE40",)),
    Window(name="cash", starts=XETRA_OPENS, ends=_edge(17, 30, "Europe/Berlin"), calendars=("DE40",)),
    Window(name="pre_open", starts=None, ends=NEW_YORK_OPENS, calendars=US_INDICES),
    Window(name="cash", starts=NEW_YORK_OPENS, ends=_edge(16, 0, "America/New_York"), calendars=US_INDICES),
)
"""Tokyo, London and New York by the hours that FX desks go by; Xetra's and the New York exchanges' hours for CFDs."""

WITH_WINDOWS = tuple(dict.fromkeys(name for window in WINDOWS for name in window.calendars))
"""The calendars that have windows."""


def session_windows(context: BookContext) -> Iterator[Known | Absent]:
    """Yield high and low of each window of the symbol's calendar: ``london high``."""
    windows = [window for window in WINDOWS if context.symbol.calendar in window.calendars]
    if not windows:
        yield Absent(reason=f"calendar {context.symbol.calendar} has no windows")
    for window in windows:
        try:
            start, end = window.in_session(context.session)
            part = complete_part(context, start, end)
        except Unavailable as error:
            yield Absent(name=window.name, reason=str(error))
            continue
        yield from high_and_low(context, window.name, part, known_at=end)


def high_and_low(context: BookContext, name: str, part: Minutes, *, known_at: datetime) -> Iterator[Known]:
    """Yield the high and the low of a part of the session."""
    source = Source.minutes_of(context.session)
    yield Known(name=f"{name} high", price=float(part.high.max()), known_at=known_at, source=source)
    yield Known(name=f"{name} low", price=float(part.low.min()), known_at=known_at, source=source)
