"""From decisions of the trading day to the fewest runs that carry them out."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime

import dagster as dg

from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.defs.jobs import PRIORITY
from tradematrix_pipelines.defs.retry import stretches
from tradematrix_pipelines.defs.runs import range_tags
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.day_state import automated_symbols, computed_levels, recent_coverage
from tradematrix_pipelines.storage.io_manager import DAILY_LEVELS, PIVOT_POINTS
from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.trading_day.closes import LOOKBACK, due_levels, due_sessions
from tradematrix_pipelines.vendors.credits import CLOSE

NO_CHECKS: list[dg.AssetCheckKey] = []
"""The checks of runs that a sensor asks for: freshness has a sensor of its own."""


def request_due(market: Market, settings: Settings, *, now: datetime) -> list[dg.RunRequest]:
    """Return the runs for sessions that closed and nobody asked for since, and for the levels that are due."""
    symbols, since = automated_symbols(market, settings), settings.history_start
    rows = recent_coverage(market, symbols, now)
    computed = computed_levels(market.engine, symbols, since=(now - LOOKBACK).date())
    found: list[dg.RunRequest] = []
    for symbol in symbols:
        sessions = due_sessions(symbol, rows[symbol.name], now, since=since)
        # What was asked for is not due any more; a run that died before it asked is asked for again in the next hour.
        found += request_candles(symbol, sessions, purpose=CLOSE, why=f"close {now:%Y-%m-%dT%H}")
        days = [row for row in rows[symbol.name] if row.coverage.timeframe is Timeframe.D1]
        found += request_levels(symbol, due_levels(symbol, days, computed[symbol.name], now))
    return found


def request_again(
    symbol: Symbol, rows: Collection[StoredCoverage], *, purpose: str, why: str, refresh: bool = False
) -> Iterator[dg.RunRequest]:
    """Yield the runs that ask for these sessions of ``symbol`` again."""
    wanted: dict[date, set[Timeframe]] = {}
    for row in rows:
        wanted.setdefault(row.coverage.trade_date, set()).add(row.coverage.timeframe)
    ordered = {day: tuple(each for each in Timeframe if each in some) for day, some in wanted.items()}
    asked = max((row.checked_at for row in rows), default=None)
    yield from request_candles(symbol, ordered, purpose=purpose, why=f"{why} {asked}", refresh=refresh)


def request_candles(
    symbol: Symbol,
    sessions: Mapping[date, tuple[Timeframe, ...]],
    *,
    purpose: str,
    why: str,
    refresh: bool = False,
) -> Iterator[dg.RunRequest]:
    """Yield the fewest runs that bring in ``sessions``, given with the timeframes that each lacks.

    Args:
        why: makes the run's key with its sessions: the same is not requested twice for the same reason.
    """
    for timeframes in dict.fromkeys(sessions.values()):
        dates = {day for day, lacking in sessions.items() if lacking == timeframes}
        for first, last in stretches(dates, get_calendar(symbol.calendar)):
            yield dg.RunRequest(
                run_key=f"{why} {symbol.name} {first} {last} {' '.join(timeframes)}",
                run_config={"ops": {"ohlc": {"config": {"purpose": purpose, "refresh": refresh}}}},
                tags={**PRIORITY, **range_tags(symbol.name, first, last)},
                asset_selection=[dg.AssetKey(f"ohlc_{timeframe}") for timeframe in timeframes],
                asset_check_keys=NO_CHECKS,
            )


def request_levels(symbol: Symbol, due: Mapping[date, datetime]) -> Iterator[dg.RunRequest]:
    """Yield the fewest runs that compute the levels of the trade dates ``due``."""
    for first, last in stretches(set(due), get_calendar(symbol.calendar)):
        stored = max(at for day, at in due.items() if first <= day <= last)
        yield dg.RunRequest(
            # Once for each state of the candles: levels that can't be computed from them can't a minute later either.
            run_key=f"levels {symbol.name} {first} {last} {stored.isoformat()}",
            tags={**PRIORITY, **range_tags(symbol.name, first, last)},
            asset_selection=[DAILY_LEVELS, PIVOT_POINTS],
            asset_check_keys=NO_CHECKS,
        )
