"""``daily_levels`` and ``pivot_points``: what follows from the last finished session, for the session to come."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import dagster as dg
import pandas as pd

from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.defs.partitions import sessions_before
from tradematrix_pipelines.defs.resources import IO_MANAGER
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.history import levels_for
from tradematrix_pipelines.levels.pivots import Method, Pivots, pivots
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.partition_key import PartitionKey, dates_by_symbol
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.io_manager import DAILY_LEVELS, PIVOT_POINTS, Levels
from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.storage.partition_results import PartitionResult
from tradematrix_pipelines.storage.symbols import find_symbols

_CLOSED = PartitionResult(metadata={"status": str(Status.CLOSED), "dagster/partition_row_count": 0})
_KEY_COLUMNS = [
    dg.TableColumn("trade_date", "date", description="the session to trade with these levels"),
    dg.TableColumn("symbol_id", "integer", description="market_symbols.id"),
]
_DAILY_COLUMNS = dg.TableSchema(
    columns=[
        *_KEY_COLUMNS,
        dg.TableColumn("y_trade_date", "date", description="the session they come from"),
        *(dg.TableColumn(name, "float8") for name in ("y_open", "y_high", "y_low", "y_close")),
        dg.TableColumn("prev_week_high", "float8", description="null where that week is not stored whole"),
        dg.TableColumn("prev_week_low", "float8", description="null where that week is not stored whole"),
        dg.TableColumn("atr_14", "float8", description="mean of 14 true ranges; null without 15 sessions in a row"),
        *(
            dg.TableColumn(name, "float8", description="classic")
            for name in ("pivot", "r1", "r2", "r3", "s1", "s2", "s3")
        ),
    ]
)
_PIVOT_COLUMNS = dg.TableSchema(
    columns=[
        *_KEY_COLUMNS,
        dg.TableColumn("method", "pivot_method", description=", ".join(Method)),
        dg.TableColumn("pp", "float8"),
        *(
            dg.TableColumn(f"{side}{n}", "float8", description="null where the method has none")
            for side in "rs"
            for n in range(1, 6)
        ),
    ]
)


def build_levels(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """Return ``daily_levels`` and ``pivot_points``."""
    return [
        _asset(
            partitions,
            DAILY_LEVELS,
            _daily_levels,
            description="Levels to trade a session with: the last session's open, high, low and close, the previous "
            "week's high and low, ATR-14. Only from a session that is closed, final and complete.",
            metadata={"dagster/table_name": "levels_daily", "dagster/column_schema": _DAILY_COLUMNS},
            ins={"ohlc_1d": dg.AssetIn(partition_mapping=sessions_before())},
        ),
        _asset(
            partitions,
            PIVOT_POINTS,
            _pivot_points,
            description=f"Pivot points to trade a session with, by each method: {', '.join(Method)}.",
            metadata={"dagster/table_name": "pivot_levels", "dagster/column_schema": _PIVOT_COLUMNS},
            ins={"daily_levels": dg.AssetIn()},
        ),
    ]


def _asset(
    partitions: dg.PartitionsDefinition[str],
    key: dg.AssetKey,
    compute: Callable[[dg.AssetExecutionContext, pd.DataFrame], Levels],
    *,
    description: str,
    metadata: dict[str, Any],
    ins: dict[str, dg.AssetIn],
) -> dg.AssetsDefinition:
    return dg.asset(
        key=key,
        ins=ins,
        description=description,
        metadata=metadata,
        partitions_def=partitions,
        io_manager_key=IO_MANAGER,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={"market"},
        group_name="levels",
        owners=["team:market-data"],
        kinds={"postgres", "pandas"},
    )(compute)


def _daily_levels(context: dg.AssetExecutionContext, ohlc_1d: pd.DataFrame) -> Levels:
    market: Market = context.resources.market
    finished = ohlc_1d[(ohlc_1d["status"] == str(Status.COMPLETE)) & ohlc_1d["final"].eq(other=True)]
    rows: list[tuple[Symbol, DailyLevels]] = []

    def compute(symbol: Symbol, day: date) -> PartitionResult:
        bars = finished[finished["symbol"] == symbol.name]
        found = levels_for(day, bars=bars, calendar=get_calendar(symbol.calendar))
        if found is None:
            return PartitionResult(error=_why_no_levels(market, symbol, day))
        rows.append((symbol, found))
        return PartitionResult(
            metadata={"dagster/partition_row_count": 1, "from_session": str(found.y_trade_date)}
            | {name: getattr(found, name) for name in ("y_open", "y_high", "y_low", "y_close")}
        )

    return Levels(daily=rows, results=_each(context, compute))


def _pivot_points(context: dg.AssetExecutionContext, daily_levels: pd.DataFrame) -> Levels:
    have = {(row["symbol"], row["trade_date"]): row for row in daily_levels.to_dict("records")}
    rows: list[tuple[Symbol, date, Pivots]] = []

    def compute(symbol: Symbol, day: date) -> PartitionResult:
        row = have.get((symbol.name, day))
        if row is None:
            return PartitionResult(error=f"{symbol.name} has no daily levels for {day}: materialize those first")
        prices = {"open_": row["y_open"], "high": row["y_high"], "low": row["y_low"], "close": row["y_close"]}
        found = [pivots(method, **prices) for method in Method]
        rows.extend((symbol, day, each) for each in found)
        return PartitionResult(metadata={"dagster/partition_row_count": len(found), "pivot": found[0].pp})

    return Levels(pivots=rows, results=_each(context, compute))


def _each(
    context: dg.AssetExecutionContext, compute: Callable[[Symbol, date], PartitionResult]
) -> dict[str, PartitionResult]:
    """Return the result of every partition of the run; one without a session is closed and computes nothing."""
    market: Market = context.resources.market
    wanted = dates_by_symbol(context.partition_keys)
    results: dict[str, PartitionResult] = {}
    for symbol in find_symbols(market.engine, wanted):
        calendar = get_calendar(symbol.calendar)
        for day in wanted[symbol.name]:
            key = str(PartitionKey(day, symbol.name))
            results[key] = _CLOSED if calendar.session(day) is None else compute(symbol, day)
    return results


def _why_no_levels(market: Market, symbol: Symbol, day: date) -> str:
    previous = get_calendar(symbol.calendar).previous(day)
    what, now = f"{symbol.name}'s session {previous.trade_date}", market.clock.now()
    if now < previous.closes_at:
        return f"{what} is open until {_utc(previous.closes_at)}: its levels come after that"
    rows = read_coverage(market.engine, [symbol], [Timeframe.D1], previous.trade_date, previous.trade_date)
    if not rows:
        return f"{what} is not stored: run `tradematrix backfill {symbol.name} --from {previous.trade_date}`"
    if not rows[0].coverage.ok:
        return f"{what} can't be used: {rows[0].coverage.reason()}"
    return f"{what} was still open when it was fetched at {_utc(rows[0].checked_at)}: fetch it again"


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
