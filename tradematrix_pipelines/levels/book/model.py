"""What a level of the book is, and what it is computed from.

Here: values. Not here: which kinds there are (``kinds``), or any arithmetic.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.levels.book.history import DailyHistory
from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

if TYPE_CHECKING:  # see candles.frame
    import pandas as pd

_MINUTE = np.timedelta64(1, "m")
_VALUES = ("open", "high", "low", "close", "volume")


class Kind(StrEnum):
    """A family of levels."""

    PREVIOUS_DAY = "previous_day"
    PREVIOUS_WEEK = "previous_week"
    PREVIOUS_MONTH = "previous_month"
    PREVIOUS_QUARTER = "previous_quarter"
    DAY_PIVOTS = "day_pivots"
    WEEK_PIVOTS = "week_pivots"
    MONTH_PIVOTS = "month_pivots"
    CENTRAL_PIVOT_RANGE = "central_pivot_range"
    RANGES = "ranges"
    TIME_PROFILE = "time_profile"
    VOLUME_PROFILE = "volume_profile"
    VWAP = "vwap"
    OPENS = "opens"
    GAP = "gap"
    SESSION_WINDOWS = "session_windows"
    OPENING_RANGE = "opening_range"
    INITIAL_BALANCE = "initial_balance"


class Unit(StrEnum):
    """What the number of a level is."""

    PRICE = "price"
    DISTANCE = "distance"
    """A difference of two prices."""
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Source:
    """The candles that a level comes from: those of a timeframe, of the sessions between two trade dates."""

    timeframe: Timeframe
    first: date
    last: date

    @classmethod
    def minutes_of(cls, session: Session) -> Self:
        """Return the minutes of one session."""
        return cls(Timeframe.M1, session.trade_date, session.trade_date)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A level without its kind, as the function of a kind computes it.

    Attributes:
        name: unique within the kind.
        price: in the unit that ``unit`` says; finite.
        known_at: when the last candle that it depends on closed, aware, UTC.
    """

    name: str
    price: float
    known_at: datetime
    source: Source
    unit: Unit = Unit.PRICE


@dataclass(frozen=True, kw_only=True, slots=True)
class BookLevel(Known):
    """A level of the book; the fields are those of :class:`Known`."""

    kind: Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Absent:
    """A level that a kind does not have now, and why, in one line; without a name, all of the kind."""

    name: str | None = None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Minutes:
    """Closed one-minute candles of one session as arrays, ascending; ``ts`` is the open."""

    ts: Instants
    open: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    volume: npt.NDArray[np.float64]

    @classmethod
    def of(cls, candles: "pd.DataFrame") -> Self:
        """Return the candles of a frame (``candles.frame``)."""
        return cls(ts=instants(candles["ts"]), **{name: candles[name].to_numpy(np.float64) for name in _VALUES})

    def __len__(self) -> int:
        return len(self.ts)

    def between(self, start: datetime, end: datetime) -> Self:
        """Return the candles that lie wholly between two instants (aware)."""
        begin = int(np.searchsorted(self.ts, to_instant(start)))
        stop = int(np.searchsorted(self.ts + _MINUTE, to_instant(end), side="right"))
        part = slice(begin, max(begin, stop))
        return type(self)(ts=self.ts[part], **{name: getattr(self, name)[part] for name in _VALUES})

    def close_of(self, position: int) -> datetime:
        """Return when the candle at a position closed, aware, UTC."""
        moment: datetime = (self.ts[position] + _MINUTE).item()
        return moment.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class BookContext:
    """What the book of one session is computed from; all prices in the units of its trade date.

    Attributes:
        calendar: the symbol's.
        session: the session to trade with these levels.
        days: the usable daily candles before it.
        last_minutes: the minutes of the session before it; ``None`` where that is not complete, final and believed.
        minutes: those of ``session``; ``None`` where it has not opened, or has closed and is not usable.
        now: aware, UTC.
    """

    symbol: Symbol
    calendar: SessionCalendar
    session: Session
    days: DailyHistory
    last_minutes: Minutes | None = None
    minutes: Minutes | None = None
    now: datetime

    def at(self, now: datetime) -> Self:
        """Return the same without what closes after ``now``."""
        start = datetime.min.replace(tzinfo=UTC)
        return replace(
            self,
            days=self.days.until(now),
            last_minutes=self.last_minutes and self.last_minutes.between(start, now),
            minutes=self.minutes and self.minutes.between(start, now),
            now=now,
        )
