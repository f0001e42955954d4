"""What charts of levels are drawn from: the newest candles of a symbol up to a trade date.

Here: which candles. Not here: drawing them (``charts``), or reading levels (``levels``).
"""

from datetime import date, datetime, timedelta

import pandas as pd

from tradematrix_pipelines.candles.adjusting import in_units_of
from tradematrix_pipelines.charts.candlesticks import ChartCandle
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.sessions import read_sessions

_SPANS = ((Timeframe.H1, timedelta(days=14)), (Timeframe.D1, timedelta(days=60)))
"""Hours, and days where no hours are stored."""
MOST_CANDLES = 72


def read_chart_candles(
    database: Database, symbol: Symbol, day: date, *, until: datetime | None = None
) -> list[ChartCandle]:
    """Return the newest candles of the sessions up to ``day``, ascending, in the units of ``day``.

    Empty where neither hours nor days are stored.

    Args:
        until: leave out what had not closed at this instant, aware; ``None`` = nothing.
    """
    for timeframe, span in _SPANS:
        candles = read_sessions(database, [symbol], timeframe, day - span, day)
        if until is not None:
            candles = _closed(candles, timeframe, day, until)
        if not candles.empty:
            daily = timeframe is Timeframe.D1
            adjusted = in_units_of(candles, day, symbol=symbol, calendar=calendar_of(symbol), daily=daily)
            return _chart_candles(adjusted.tail(MOST_CANDLES))
    return []


def _chart_candles(candles: pd.DataFrame) -> list[ChartCandle]:
    names = ["trade_date", "open", "high", "low", "close"]
    return [
        ChartCandle(**dict(zip(names, row, strict=True))) for row in candles[names].itertuples(index=False, name=None)
    ]


def _closed(candles: pd.DataFrame, timeframe: Timeframe, day: date, until: datetime) -> pd.DataFrame:
    if timeframe.minutes is None:
        return candles[candles["trade_date"] < day]
    return candles[candles["ts"] <= until - timedelta(minutes=timeframe.minutes)]
