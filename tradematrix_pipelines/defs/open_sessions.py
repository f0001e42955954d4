"""What is open of candles, as the newest partition of each asset lists it in the UI.

Here: the list. Not here: what is open (``automation.backlog``); it is the same as in ``tradematrix coverage --open``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import dagster as dg

from tradematrix_pipelines.automation.backlog import LOOKBACK
from tradematrix_pipelines.defs.markdown import markdown_table
from tradematrix_pipelines.defs.partition_results import Metadata
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.reader.coverage_rows import coverage_rows
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import may_be_open
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.trading_day_state import automated_symbols

MOST_ROWS = 20
_COLUMNS = ("trade_date", "symbol", "status", "next_attempt", "reason")
_DAY = timedelta(days=1)


def open_sessions(database: Database, settings: Settings) -> dict[Timeframe, Metadata]:
    """Return by timeframe the metadata that list the last 30 days' incomplete, sparse and doubtful sessions."""
    now = database.clock.now()
    between = ((now - LOOKBACK).date(), (now + _DAY).date())
    # Each run of candles asks: with hundreds of symbols, only of those of which something can be open.
    symbols = may_be_open(database.engine, automated_symbols(database, settings), since=between[0], now=now)
    rows = coverage_rows(database, settings, symbols, list(Timeframe), between, now=now, only_open=True)
    return {timeframe: _metadata([row for row in rows if row["timeframe"] == timeframe]) for timeframe in Timeframe}


def _metadata(rows: Sequence[Mapping[str, object]]) -> Metadata:
    if not rows:
        return {"open": 0}
    newest = sorted(rows, key=lambda row: str(row["trade_date"]), reverse=True)
    table = markdown_table(_COLUMNS, [[_text(row[name]) for name in _COLUMNS] for row in newest[:MOST_ROWS]])
    omitted = len(rows) - MOST_ROWS
    more = f"\n\n… and {omitted} more: `tradematrix coverage --open`" if omitted > 0 else ""
    return {"open": len(rows), "open_sessions": dg.MetadataValue.md(table + more)}


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return "" if value is None else str(value)
