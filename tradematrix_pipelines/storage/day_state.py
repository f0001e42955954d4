"""What the decisions of the trading day are made from, read in a few queries."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Engine, select

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.markets.calendars import get_calendar, trades_on_weekends
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.credits import CreditLedger, open_ledger
from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.tables import levels_daily, market_symbols
from tradematrix_pipelines.trading_day.closes import LOOKBACK
from tradematrix_pipelines.trading_day.pulls import CreditState
from tradematrix_pipelines.vendors.credits import UNLIMITED


def automated_symbols(market: Market, settings: Settings) -> list[Symbol]:
    """Return the active symbols that run by themselves, in the order in which they were added.

    That is all but those whose market trades on weekends where these are no trade dates: their Monday's levels would
    follow from a session that has no partition.
    """
    return [
        symbol
        for symbol in read_symbols(market.engine)
        if settings.weekends or not trades_on_weekends(get_calendar(symbol.calendar))
    ]


def recent_coverage(market: Market, symbols: Sequence[Symbol], now: datetime) -> dict[str, list[StoredCoverage]]:
    """Return the coverage rows of the last 30 days by symbol; a symbol without any has an empty list."""
    found: dict[str, list[StoredCoverage]] = {symbol.name: [] for symbol in symbols}
    for row in read_coverage(market.engine, symbols, list(Timeframe), (now - LOOKBACK).date(), date.max):
        found[row.symbol].append(row)
    return found


def credit_state(market: Market, settings: Settings, now: datetime) -> CreditState:
    """Return what may be spent at the vendor that ``settings`` name.

    Raises:
        UsageError: TWELVE_DATA_PLAN names no plan.
    """
    ledger = open_ledger(market.engine, settings)
    if not isinstance(ledger, CreditLedger):
        return CreditState(plan=UNLIMITED)
    return CreditState(plan=ledger.plan, day_left=ledger.usage(settings.vendor_name, now).day_left)


def computed_levels(engine: Engine, symbols: Sequence[Symbol], *, since: date) -> dict[str, dict[date, datetime]]:
    """Return when the levels of each trade date from ``since`` on were computed, by symbol."""
    query = (
        select(market_symbols.c.symbol, levels_daily.c.trade_date, levels_daily.c.computed_at)
        .join_from(levels_daily, market_symbols)
        .where(levels_daily.c.symbol_id.in_([symbol.id for symbol in symbols]), levels_daily.c.trade_date >= since)
    )
    found: dict[str, dict[date, datetime]] = {symbol.name: {} for symbol in symbols}
    with engine.connect() as connection:
        for row in connection.execute(query):
            found[row.symbol][row.trade_date] = row.computed_at
    return found
