"""The coverage of sessions as rows for people and programs: ``tradematrix coverage`` and ``tm.coverage`` show the same.

Here: one row a session, with when it is fetched again. Not here: reading coverage (``storage.coverage``), or what is
fetched when (``automation.backlog``).
"""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter

from tradematrix_pipelines.automation.backlog import Cause, FetchTask, backlog
from tradematrix_pipelines.automation.closures import paused_sessions
from tradematrix_pipelines.candles.coverage import Coverage, Status, StoredCoverage
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.trading_day_state import surprise_closures

_NOT_KEPT = ("attempts", "next_attempt")


def coverage_rows(
    database: Database,
    settings: Settings,
    symbols: Sequence[Symbol],
    timeframes: Sequence[Timeframe],
    between: tuple[date, date],
    *,
    now: datetime,
    as_of: datetime | None = None,
    only_open: bool = False,
) -> list[dict[str, object]]:
    """Return a row for each known session between two trade dates, both included, by symbol, timeframe and date.

    ``next_attempt`` is an instant, ``exhausted``, or ``None`` where nothing is to be fetched again.

    Args:
        as_of: return what was known at this instant, without attempts; ``now`` is the same then.
        only_open: leave out what is complete, believed and not to be fetched again.
    """
    stored = read_coverage(database.engine, symbols, timeframes, *between, as_of=as_of)
    # Where nothing is missing, no exchange was closed by surprise: all its symbols' rows would be.
    missing = any(row.coverage.status is Status.MISSING for row in stored)
    closures = surprise_closures(database, settings, now) if missing else []
    by_symbol = {name: list(rows) for name, rows in groupby(stored, key=attrgetter("symbol"))}
    tasks = {
        (task.symbol.name, task.timeframe, task.trade_date): task
        for symbol in symbols
        for task in backlog(symbol, by_symbol.get(symbol.name, []), now, paused=paused_sessions(symbol, closures))
    }
    keys = [(row.symbol, row.coverage.timeframe, row.coverage.trade_date) for row in stored]
    tasks_of_rows = [(row, tasks.get(key)) for row, key in zip(stored, keys, strict=True)]
    rows = [_row(row, task) for row, task in tasks_of_rows if not only_open or task or _is_amiss(row.coverage)]
    if as_of is not None:
        rows = [{name: value for name, value in row.items() if name not in _NOT_KEPT} for row in rows]
    return rows


def _is_amiss(coverage: Coverage) -> bool:
    """Whether something is missing. A series of which no bar has closed yet misses none."""
    nothing_due = coverage.status is Status.MISSING and not coverage.final and not coverage.expected
    return not coverage.ok and not nothing_due and not coverage.is_pruned


def _row(row: StoredCoverage, task: FetchTask | None) -> dict[str, object]:
    coverage = row.coverage
    return {
        "symbol": row.symbol,
        "timeframe": coverage.timeframe.value,
        "trade_date": coverage.trade_date,
        "status": coverage.status.value,
        "final": coverage.final,
        "expected": coverage.expected,
        "received": coverage.received,
        "rejected": coverage.rejected,
        "outside": coverage.outside,
        "longest_gap": coverage.longest_gap,
        "source": coverage.source,
        "attempts": row.attempts,
        "next_attempt": None if task is None else task.next_attempt or "exhausted",
        "verdict": None if coverage.verdict is None else str(coverage.verdict),
        "pruned_at": coverage.pruned_at if coverage.is_pruned else None,
        "reason": _reason(coverage, task),
    }


def _reason(coverage: Coverage, task: FetchTask | None) -> str | None:
    if task is not None and task.cause in {Cause.SPARSE, Cause.CLOSURE, Cause.DOUBTFUL}:
        return task.reason
    return coverage.error if coverage.ok and not coverage.is_pruned else coverage.reason()
