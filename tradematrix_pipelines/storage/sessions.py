"""Candles by trade date: the rectangle of sessions x symbols of a run."""

from collections.abc import Sequence
from datetime import date, datetime

import pandas as pd

from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.candles.frame import COLUMNS
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database

SESSION_COLUMNS = ["symbol", "trade_date", *COLUMNS, "source", "stored_at", "status", "final", "verdict"]


def read_sessions(
    database: Database,
    symbols: Sequence[Symbol],
    timeframe: Timeframe,
    first: date,
    last: date,
    *,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Return the candles of the sessions between two trade dates, both included, by symbol and ``ts``.

    Columns: ``symbol`` (str), ``trade_date`` (dates), those of ``candles.frame``, ``source`` (str), ``stored_at`` (when
    the candle got its values; ``NaT`` where that was not kept), and from the session's coverage ``status`` (str),
    ``final`` (bool) and ``verdict`` (str, or ``None`` where it was not judged). A candle without a coverage row is not
    returned.

    Args:
        as_of: return what was stored at this instant, aware; ``None`` = now.
    """
    covered = pd.DataFrame(
        [
            (row.symbol, row.coverage.trade_date, row.coverage.opens_at, row.coverage.closes_at,
             str(row.coverage.status), row.coverage.final, row.coverage.verdict and str(row.coverage.verdict))
            for row in read_coverage(database.engine, symbols, [timeframe], first, last, as_of=as_of)
            if row.coverage.status is not Status.CLOSED and row.coverage.opens_at is not None
        ],
        columns=["symbol", "trade_date", "opens_at", "closes_at", "status", "final", "verdict"],
    )  # fmt: skip
    if covered.empty:
        return pd.DataFrame(columns=SESSION_COLUMNS)
    start, end = covered["opens_at"].min().to_pydatetime(), covered["closes_at"].max().to_pydatetime()
    candles = database.candles.rectangle(symbols, timeframe, start, end, as_of=as_of)
    covered["opens_at"] = covered["opens_at"].astype(candles["ts"].dtype)
    joined = pd.merge_asof(
        candles.sort_values("ts"), covered.sort_values("opens_at"), left_on="ts", right_on="opens_at", by="symbol"
    )
    inside = joined[joined["ts"] < joined["closes_at"]]
    return inside.sort_values(["symbol", "ts"])[SESSION_COLUMNS].reset_index(drop=True)
