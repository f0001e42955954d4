"""Incomplete partitions, and the fewest runs that fetch or compute them again.

Incomplete is a session that has closed and whose candles are partial, missing or failed; and levels that are not stored
although the session they come from is complete. Here: finding them and planning the runs. Not here: running them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tradematrix_pipelines.automation.healing import is_incomplete
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.defs.backfill import Run
from tradematrix_pipelines.defs.jobs import COMPUTE_LEVELS, INGEST_CANDLES
from tradematrix_pipelines.markets.calendars import SessionCalendar, get_calendar
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import read_daily_levels


@dataclass(frozen=True, kw_only=True, slots=True)
class IncompletePartition:
    """One incomplete partition, and why."""

    asset: str
    symbol: str
    trade_date: date
    reason: str


def find_incomplete(
    database: Database, symbols: Sequence[Symbol], *, since: date, now: datetime
) -> list[IncompletePartition]:
    """Return the incomplete partitions of ``symbols`` with trade dates from ``since`` on, by symbol, asset, date."""
    return [
        partition
        for symbol in symbols
        for partition in (*_incomplete_candles(database, symbol, since, now), *_missing_levels(database, symbol, since))
    ]


def plan_candle_retries(symbol: Symbol, incomplete: Sequence[IncompletePartition]) -> list[Run]:
    """Return the fewest runs that fetch the incomplete candles of ``symbol`` again, and no complete session."""
    wanted = {f"ohlc_{timeframe}": timeframe for timeframe in Timeframe}
    candles = [partition for partition in incomplete if partition.symbol == symbol.name and partition.asset in wanted]
    dates = {partition.trade_date for partition in candles}
    timeframes = {wanted[partition.asset] for partition in candles}
    ordered = tuple(timeframe for timeframe in Timeframe if timeframe in timeframes)
    return [
        Run(symbol=symbol, job=INGEST_CANDLES, first=first, last=last, timeframes=ordered)
        for first, last in contiguous_ranges(dates, get_calendar(symbol.calendar))
    ]


def plan_levels_retries(symbol: Symbol, incomplete: Sequence[IncompletePartition]) -> list[Run]:
    """Return the fewest runs that compute the missing levels of ``symbol``."""
    dates = {
        partition.trade_date
        for partition in incomplete
        if partition.symbol == symbol.name and partition.asset == "daily_levels"
    }
    return [
        Run(symbol=symbol, job=COMPUTE_LEVELS, first=first, last=last)
        for first, last in contiguous_ranges(dates, get_calendar(symbol.calendar))
    ]


def contiguous_ranges(dates: set[date], calendar: SessionCalendar) -> Iterator[tuple[date, date]]:
    """Yield the first and last of each range of ``dates`` that has no other session in between."""
    run: list[date] = []
    for session in calendar.sessions(min(dates), max(dates)) if dates else []:
        if session.trade_date in dates:
            run.append(session.trade_date)
        elif run:
            yield run[0], run[-1]
            run = []
    if run:
        yield run[0], run[-1]


def _incomplete_candles(database: Database, symbol: Symbol, since: date, now: datetime) -> list[IncompletePartition]:
    rows = read_coverage(database.engine, [symbol], list(Timeframe), since, date.max)
    return [
        IncompletePartition(
            asset=f"ohlc_{row.coverage.timeframe}",
            symbol=symbol.name,
            trade_date=row.coverage.trade_date,
            reason=row.coverage.reason(),
        )
        for row in rows
        if is_incomplete(row, now)
    ]


def _missing_levels(database: Database, symbol: Symbol, since: date) -> list[IncompletePartition]:
    calendar = get_calendar(symbol.calendar)
    before = calendar.previous(since).trade_date
    days: Mapping[date, StoredCoverage] = {
        row.coverage.trade_date: row
        for row in read_coverage(database.engine, [symbol], [Timeframe.D1], before, date.max)
    }
    complete = [day for day, row in days.items() if row.coverage.ok and row.coverage.final and row.coverage.received]
    due = {calendar.next(day).trade_date for day in complete}
    due = {day for day in due if since <= day}
    if not due:
        return []
    stored = read_daily_levels(database.engine, [symbol], min(due), max(due))
    missing = due - set(stored["trade_date"])
    return [
        IncompletePartition(asset="daily_levels", symbol=symbol.name, trade_date=day, reason="not computed yet")
        for day in sorted(missing)
    ]
