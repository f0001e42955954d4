"""The opening range of 5, 15, 30 and 60 minutes, and the initial balance.

Toby Crabel, Day Trading with Short Term Price Patterns and Opening Range Breakout, 1990. The initial balance is the
range of the first hour, the first two half-hour brackets (CBOT, Market Profile, 1984).

Both begin when the session opens; for index CFDs, which are quoted all day, when their cash market opens.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tradematrix_pipelines.levels.book.history import Unavailable
from tradematrix_pipelines.levels.book.model import Absent, BookContext, Known, Source
from tradematrix_pipelines.levels.book.parts import complete_part
from tradematrix_pipelines.levels.book.windows import (
    NEW_YORK_OPENS,
    US_INDICES,
    XETRA_OPENS,
    high_and_low,
    time_in,
)

LENGTHS = (5, 15, 30, 60)
"""Minutes of each opening range."""

OPENINGS = {"DE40": XETRA_OPENS, **dict.fromkeys(US_INDICES, NEW_YORK_OPENS)}
"""When the market of a calendar opens, where that is not when its sessions do."""

_BALANCE = timedelta(minutes=60)


def opening_range(context: BookContext) -> Iterator[Known | Absent]:
    """Yield high and low of each length: ``5m high``."""
    start = _opening(context)
    for minutes in LENGTHS:
        end, name = start + timedelta(minutes=minutes), f"{minutes}m"
        try:
            yield from high_and_low(context, name, complete_part(context, start, end), known_at=end)
        except Unavailable as error:
            yield Absent(name=name, reason=str(error))


def initial_balance(context: BookContext) -> Iterator[Known]:
    """Yield ``high``, ``low`` and ``mid`` of the first hour."""
    start = _opening(context)
    end = start + _BALANCE
    part = complete_part(context, start, end)
    high, low = float(part.high.max()), float(part.low.min())
    for name, price in (("high", high), ("low", low), ("mid", (high + low) / 2)):
        yield Known(name=name, price=price, known_at=end, source=Source.minutes_of(context.session))


def _opening(context: BookContext) -> datetime:
    edge = OPENINGS.get(context.symbol.calendar)
    return context.session.opens_at if edge is None else time_in(context.session, edge)
