"""Surprise closures: an exchange that its calendar calls open, and of whose symbols not one has a bar.

Asking again and again for each symbol would spend credits on a day of mourning or a storm. So one symbol's minutes are
asked for on behalf of all, and a person is asked to correct the calendar. Here: which days these are. Not here: the
incident (``alerts.detectors``), or the correction (``markets.corrections``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tradematrix_pipelines.automation.backlog import SETTLING
from tradematrix_pipelines.candles.coverage import Status, StoredCoverage
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.named_hours import NAMED
from tradematrix_pipelines.markets.symbols import Symbol

_WITHOUT_CLOSURES = frozenset({"24/7", "24/5"})


@dataclass(frozen=True, kw_only=True, slots=True)
class SurpriseClosure:
    """A trade date on which an exchange seems to have been closed, against its calendar.

    Attributes:
        symbols: all active symbols of the calendar, by name; the first one's minutes are asked for again.
    """

    calendar: str
    trade_date: date
    symbols: tuple[str, ...]


def find_closures(symbols: Iterable[Symbol], rows: Mapping[str, Sequence[StoredCoverage]]) -> list[SurpriseClosure]:
    """Return the surprise closures, by calendar and trade date.

    All series that were fetched of all symbols are missing since the close; and the symbols have had bars before, or
    else it is their names that are wrong.

    Args:
        symbols: all that are active.
        rows: their coverage, by symbol.
    """
    by_calendar: dict[str, list[Symbol]] = {}
    for symbol in symbols:
        if _is_exchange(symbol):
            by_calendar.setdefault(symbol.calendar, []).append(symbol)
    return [
        SurpriseClosure(calendar=calendar, trade_date=day, symbols=tuple(symbol.name for symbol in members))
        for calendar, members in sorted(by_calendar.items())
        for day in _closed_days(members, rows)
    ]


def paused_sessions(symbol: Symbol, closures: Iterable[SurpriseClosure]) -> dict[date, bool]:
    """Return the trade dates on which healing of a symbol pauses, and whether its minutes stand for all."""
    return {
        closure.trade_date: symbol.name == closure.symbols[0]
        for closure in closures
        if closure.calendar == symbol.calendar
    }


def _is_exchange(symbol: Symbol) -> bool:
    return symbol.hours is None and symbol.calendar not in _WITHOUT_CLOSURES.union(NAMED)


def _closed_days(members: Sequence[Symbol], rows: Mapping[str, Sequence[StoredCoverage]]) -> list[date]:
    known = [row for symbol in members for row in rows.get(symbol.name, ())]
    if not any(row.coverage.received for row in known):
        return []
    by_day: dict[date, list[StoredCoverage]] = {}
    for row in known:
        by_day.setdefault(row.coverage.trade_date, []).append(row)
    calendar, names = calendar_of(members[0]), {symbol.name for symbol in members}
    return [
        day
        for day, of_day in sorted(by_day.items())
        if {row.symbol for row in of_day} == names and all(map(_is_empty, of_day)) and calendar.session(day)
    ]


def _is_empty(row: StoredCoverage) -> bool:
    """Whether a session was fetched since its close, and the vendors have no bar of it."""
    coverage = row.coverage
    closed = coverage.closes_at is not None and row.checked_at >= coverage.closes_at + SETTLING
    return closed and coverage.final and coverage.status is Status.MISSING
