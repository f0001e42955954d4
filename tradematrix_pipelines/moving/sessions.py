"""The sessions that another system's candles may lie in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from tradematrix_pipelines.markets.calendars import build_calendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

_MARGIN = timedelta(days=7)
_DAY = timedelta(days=1)


def sessions_around(symbol: Symbol, first: datetime, last: datetime) -> list[Session]:
    """Return the sessions from days before one instant to days after another, as far as the calendar knows any."""
    calendar = build_calendar(symbol.calendar, hours=symbol.hours, corrections=symbol.corrections)
    begin = max((first - _MARGIN).date(), calendar.first_date)
    end = min((last + _MARGIN).date(), calendar.last_date)
    return calendar.sessions(begin, end) if begin <= end else []


@dataclass(frozen=True, slots=True)
class Piece:
    """Trade dates that are brought over at once, both included, and the timeframes that there are of them."""

    first: date
    last: date
    timeframes: tuple[Timeframe, ...]


def pieces(ranges: Mapping[Timeframe, tuple[date, date]], *, quotes_all_day: bool, days: int) -> list[Piece]:
    """Return the pieces in which series are brought over, ascending; in each of them all have the same timeframes.

    What is coarser than a series follows from it. Nothing finer is asked for than there is: it would be stored as
    missing, and be fetched from a vendor.

    Args:
        ranges: first and last trade date of each series.
        quotes_all_day: whether days follow from the session's candles alone, so that daily bars are not brought over.
        days: the longest piece.
    """
    edges = sorted({first for first, _ in ranges.values()} | {last + _DAY for _, last in ranges.values()})
    cut: list[Piece] = []
    for begin, end in pairwise(edges):
        present = [name for name, (first, last) in ranges.items() if first <= begin <= last]
        if quotes_all_day and set(present) <= {Timeframe.D1}:
            continue
        timeframes = tuple(list(Timeframe)[min(list(Timeframe).index(name) for name in present) :]) if present else ()
        for number in range(0, (end - begin).days if timeframes else 0, days):
            start = begin + number * _DAY
            cut.append(Piece(start, min(start + (days - 1) * _DAY, end - _DAY), timeframes))
    return cut
