"""The kinds of levels, a row each.

Here: what each kind is, which candles it needs, and which symbols have it. Not here: the arithmetic (the other modules
of this folder), nor the book that they make (``book``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.book.central_pivot_range import central_pivot_range
from tradematrix_pipelines.levels.book.gaps import gap
from tradematrix_pipelines.levels.book.history import Period
from tradematrix_pipelines.levels.book.model import Absent, BookContext, Kind, Known
from tradematrix_pipelines.levels.book.opening_range import initial_balance, opening_range
from tradematrix_pipelines.levels.book.opens import opens
from tradematrix_pipelines.levels.book.pivot_levels import PivotLevels
from tradematrix_pipelines.levels.book.previous_periods import PreviousPeriod
from tradematrix_pipelines.levels.book.profile import time_profile, volume_profile, vwap
from tradematrix_pipelines.levels.book.ranges import ranges
from tradematrix_pipelines.levels.book.windows import WITH_WINDOWS, session_windows
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol


class Needs(StrEnum):
    """The candles that a kind needs."""

    DAYS = "daily candles before the session"
    LAST_MINUTES = "minutes of the session before"
    MINUTES = "minutes of the session"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """All that distinguishes a kind.

    Attributes:
        description: its levels, in one line.
        needs: its candles.
        compute: yields its levels, and what is absent.
        real_volume: whether it needs the volume that was traded.
        instruments: those that have it by default; ``None`` = all that may.
        calendars: those that have it by default, beside ``instruments``.
    """

    description: str
    needs: Needs
    compute: Callable[[BookContext], Iterator[Known | Absent]]
    real_volume: bool = False
    instruments: frozenset[InstrumentType] | None = None
    calendars: tuple[str, ...] = ()

    def is_default(self, symbol: Symbol) -> bool:
        """Whether a symbol has it when its row names no kinds."""
        if self.real_volume and symbol.instrument not in REAL_VOLUME:
            return False
        return self.instruments is None or symbol.instrument in self.instruments or symbol.calendar in self.calendars


REAL_VOLUME = frozenset({InstrumentType.STOCK, InstrumentType.ETF, InstrumentType.FUTURE, InstrumentType.CRYPTO})
"""Instruments whose volume is what was traded. An index has none; that of spot FX and metals counts ticks."""

_OPENING = frozenset({InstrumentType.INDEX, InstrumentType.STOCK, InstrumentType.ETF, InstrumentType.FUTURE})
_NONE: frozenset[InstrumentType] = frozenset()

KINDS: Mapping[Kind, Row] = {
    Kind.PREVIOUS_DAY: Row(
        description="open, high, low, close and middle of the session before",
        needs=Needs.DAYS,
        compute=PreviousPeriod(Period.DAY),
    ),
    Kind.PREVIOUS_WEEK: Row(
        description="the same of the ISO week before", needs=Needs.DAYS, compute=PreviousPeriod(Period.WEEK)
    ),
    Kind.PREVIOUS_MONTH: Row(
        description="the same of the month before", needs=Needs.DAYS, compute=PreviousPeriod(Period.MONTH)
    ),
    Kind.PREVIOUS_QUARTER: Row(
        description="the same of the quarter before", needs=Needs.DAYS, compute=PreviousPeriod(Period.QUARTER)
    ),
    Kind.DAY_PIVOTS: Row(
        description="pivot points by each method, from the session before",
        needs=Needs.DAYS,
        compute=PivotLevels(Period.DAY),
    ),
    Kind.WEEK_PIVOTS: Row(
        description="the same from the week before", needs=Needs.DAYS, compute=PivotLevels(Period.WEEK)
    ),
    Kind.MONTH_PIVOTS: Row(
        description="the same from the month before", needs=Needs.DAYS, compute=PivotLevels(Period.MONTH)
    ),
    Kind.CENTRAL_PIVOT_RANGE: Row(
        description="TC, PP, BC, and the width in price units and in ATR-14s",
        needs=Needs.DAYS,
        compute=central_pivot_range,
    ),
    Kind.RANGES: Row(
        description="ATR-14, simple and Wilder's, and the average daily range",
        needs=Needs.DAYS,
        compute=ranges,
    ),
    Kind.TIME_PROFILE: Row(
        description="point of control and value area by time, of the session before",
        needs=Needs.LAST_MINUTES,
        compute=time_profile,
    ),
    Kind.VOLUME_PROFILE: Row(
        description="point of control and value area by volume, of the session before",
        needs=Needs.LAST_MINUTES,
        compute=volume_profile,
        real_volume=True,
    ),
    Kind.VWAP: Row(
        description="volume-weighted average price of the session before",
        needs=Needs.LAST_MINUTES,
        compute=vwap,
        real_volume=True,
    ),
    Kind.OPENS: Row(
        description="opens of the day, week, month and year that the session is in",
        needs=Needs.MINUTES,
        compute=opens,
    ),
    Kind.GAP: Row(
        description="gap to yesterday's close: its size, the price that fills it, and when it was filled",
        needs=Needs.MINUTES,
        compute=gap,
    ),
    Kind.SESSION_WINDOWS: Row(
        description="high and low of Asia, London and New York, or of the cash market and before it",
        needs=Needs.MINUTES,
        compute=session_windows,
        instruments=_NONE,
        calendars=WITH_WINDOWS,
    ),
    Kind.OPENING_RANGE: Row(
        description="high and low of the first 5, 15, 30 and 60 minutes",
        needs=Needs.MINUTES,
        compute=opening_range,
        instruments=_OPENING,
    ),
    Kind.INITIAL_BALANCE: Row(
        description="high, low and middle of the first hour",
        needs=Needs.MINUTES,
        compute=initial_balance,
        instruments=_OPENING,
    ),
}

INTRADAY = tuple(kind for kind, row in KINDS.items() if row.needs is Needs.MINUTES)
"""The kinds that become known while the session runs."""


def kinds_of(symbol: Symbol) -> tuple[Kind, ...]:
    """Return the kinds that a symbol has, in the order of the table.

    A name in its row that is none of a kind counts for nothing: whoever writes the row checks it (:func:`parse_kinds`).
    """
    if symbol.level_kinds is None:
        return tuple(kind for kind, row in KINDS.items() if row.is_default(symbol))
    return tuple(kind for kind in KINDS if kind in symbol.level_kinds)


def parse_kinds(names: Iterable[str]) -> tuple[Kind, ...]:
    """Return the kinds of these names, each once, in the order of the table.

    Raises:
        UsageError: there is none of such a name.
    """
    named = set(names)
    unknown = sorted(named - set(KINDS))
    if unknown:
        close = get_close_matches(unknown[0].lower(), KINDS, n=1)
        hint = f"did you mean {close[0]}? There" if close else "there"
        raise UsageError(f"no kind of levels is named {unknown[0]!r}: {hint} are {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in named)
