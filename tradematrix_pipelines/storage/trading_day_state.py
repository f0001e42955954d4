"""The state of the trading day that its decisions are made from, read in a few queries."""

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, text

from tradematrix_pipelines.automation.backlog import LOOKBACK, FetchTask, backlog
from tradematrix_pipelines.automation.closures import SurpriseClosure, find_closures, paused_sessions
from tradematrix_pipelines.automation.pulls import CreditState, LastPull
from tradematrix_pipelines.candles.coverage import Status, StoredCoverage
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.history import HISTORY_SPAN
from tradematrix_pipelines.markets.calendars import calendar_of, trades_on_weekends
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.vendors.credits import UNLIMITED

_logger = logging.getLogger(__name__)
_LONGEST_BREAK = timedelta(days=14)

# A day that was revised after its levels were computed makes them due again; so does a correction of the calendar, or a
# decision on a split, among the sessions that ATR and the previous week come from.
_COMPUTED_LEVELS = text("""
    SELECT s.symbol, l.trade_date, l.y_trade_date, day.stored_at,
        ARRAY[l.y_open, l.y_high, l.y_low, l.y_close] AS levels,
        ARRAY[day.open, day.high, day.low, day.close] AS prices
    FROM levels_daily AS l
    JOIN market_symbols AS s ON s.id = l.symbol_id
    JOIN session_coverage AS c
      ON c.symbol_id = l.symbol_id AND c.timeframe = '1d' AND c.trade_date = l.y_trade_date
    JOIN ohlc AS day ON day.symbol_id = l.symbol_id AND day.timeframe = '1d' AND day.ts = c.opens_at
    WHERE l.symbol_id = ANY(:symbol_ids) AND l.trade_date >= :since
      AND l.verdict = 'accepted'
      AND NOT EXISTS (SELECT FROM calendar_corrections AS k
          WHERE k.calendar = s.calendar AND k.trade_date < l.trade_date AND k.trade_date >= l.trade_date - :history
            AND l.computed_at < greatest(k.made_at, k.undone_at))
      AND NOT EXISTS (SELECT FROM splits AS k
          WHERE k.symbol_id = l.symbol_id AND k.trade_date <= l.trade_date AND k.trade_date >= l.trade_date - :history
            AND l.computed_at < greatest(k.decided_at, k.undone_at))
""")


def automated_symbols(database: Database, settings: Settings) -> list[Symbol]:
    """Return the active symbols that run by themselves, in the order in which they were added.

    Left out are symbols whose market trades on weekends, where weekends are no trade dates: their Monday's levels would
    come from a session that has no partition.
    """
    automated = []
    for symbol in read_symbols(database.engine):
        try:
            weekends = trades_on_weekends(calendar_of(symbol))
        except UsageError as error:
            # A row written by SQL. The other symbols are not affected.
            _logger.warning("%s does not run by itself: %s", symbol.name, error)
            continue
        if settings.weekends or not weekends:
            automated.append(symbol)
    return automated


def recent_coverage(database: Database, symbols: Sequence[Symbol], now: datetime) -> dict[str, list[StoredCoverage]]:
    """Return the coverage rows of the last 30 days by symbol; a symbol without any has an empty list."""
    by_symbol: dict[str, list[StoredCoverage]] = {symbol.name: [] for symbol in symbols}
    for row in read_coverage(database.engine, symbols, list(Timeframe), (now - LOOKBACK).date(), date.max):
        by_symbol[row.symbol].append(row)
    return by_symbol


def read_backlog(
    database: Database,
    symbols: Sequence[Symbol],
    now: datetime,
    *,
    history_start: date | None = None,
    since: date | None = None,
) -> list[FetchTask]:
    """Return the backlog of ``symbols``, in their order: sessions to fetch, and levels to compute.

    Args:
        history_start: first trade date of the partitions; without it, sessions that were never fetched don't count.
        since: first trade date to read; the last 30 days where it is ``None``.
    """
    since = since or (now - LOOKBACK).date()
    calendars = {symbol.calendar for symbol in symbols}
    everybody = [symbol for symbol in read_symbols(database.engine) if symbol.calendar in calendars]
    rows: dict[str, list[StoredCoverage]] = {symbol.name: [] for symbol in (*symbols, *everybody)}
    both = list({symbol.name: symbol for symbol in (*symbols, *everybody)}.values())
    # Levels come from the session before, which the longest holidays put a week or more before them.
    for row in read_coverage(database.engine, both, list(Timeframe), since - _LONGEST_BREAK, date.max):
        rows[row.symbol].append(row)
    levels, closures = computed_levels(database.engine, symbols, since=since), find_closures(everybody, rows)
    return [
        task
        for symbol in symbols
        for task in backlog(
            symbol,
            rows[symbol.name],
            now,
            history_start=history_start,
            levels=levels[symbol.name],
            paused=paused_sessions(symbol, closures),
        )
        if task.trade_date >= since
    ]


def surprise_closures(database: Database, settings: Settings, now: datetime) -> list[SurpriseClosure]:
    """Return the surprise closures of the last 30 days."""
    symbols = automated_symbols(database, settings)
    return find_closures(symbols, recent_coverage(database, symbols, now))


def credit_state(database: Database, settings: Settings, now: datetime) -> CreditState:
    """Return what may be spent at the vendor that ``settings`` name.

    Raises:
        UsageError: the settings name an invalid plan.
    """
    ledger, vendor = open_ledger(database.engine, settings), settings.vendor_name
    if vendor not in ledger.plans:
        return CreditState(plan=UNLIMITED)
    return CreditState(plan=ledger.plans[vendor], day_left=ledger.usage(vendor, now).day_left)


def read_last_pulls(database: Database, symbols: Sequence[Symbol], now: datetime) -> dict[tuple[str, date], LastPull]:
    """Return the newest pull of each session that is open at ``now`` or to come, by symbol and trade date."""
    rows = read_coverage(database.engine, symbols, [Timeframe.M1], now.date(), date.max)
    return {(row.symbol, row.coverage.trade_date): _last_pull(row) for row in rows}


def _last_pull(row: StoredCoverage) -> LastPull:
    failed, nothing = row.coverage.status is Status.FAILED, not row.coverage.received
    return LastPull(
        at=row.checked_at, without_result=row.attempts if failed and nothing else 0, silent=nothing and not failed
    )


def computed_levels(engine: Engine, symbols: Sequence[Symbol], *, since: date) -> dict[str, set[date]]:
    """Return the trade dates from ``since`` on whose stored levels match the day they come from, by symbol."""
    computed: dict[str, set[date]] = {symbol.name: set() for symbol in symbols}
    by_name = {symbol.name: symbol for symbol in symbols}
    with engine.connect() as connection:
        terms = {"symbol_ids": [symbol.id for symbol in symbols], "since": since, "history": HISTORY_SPAN.days}
        for row in connection.execute(_COMPUTED_LEVELS, terms):
            if _fits(row, by_name[row.symbol]):
                computed[row.symbol].add(row.trade_date)
    return computed


def _fits(row: Row[Any], symbol: Symbol) -> bool:
    """Whether levels are those of the stored day that they come from, in their own units."""
    from tradematrix_pipelines.candles.adjusting import day_in_units_of  # noqa: PLC0415 - few commands come here

    prices = tuple(row.prices)
    if symbol.splits:
        prices = day_in_units_of(
            prices,
            row.trade_date,
            trade_date=row.y_trade_date,
            stored_at=row.stored_at,
            symbol=symbol,
            calendar=calendar_of(symbol),
        )
    return tuple(row.levels) == prices
