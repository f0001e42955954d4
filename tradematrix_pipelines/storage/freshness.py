"""The newest stored bar of each series, from which its freshness follows."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

# One index lookup a series; max() over a group would read every row.
_NEWEST = text("""
    SELECT s.id, s.symbol, t.timeframe, newest.ts
    FROM market_symbols AS s
    CROSS JOIN unnest(CAST(:timeframes AS ohlc_timeframe[])) AS t (timeframe)
    CROSS JOIN LATERAL (SELECT o.ts FROM ohlc AS o
        WHERE o.symbol_id = s.id AND o.timeframe = t.timeframe AND o.ts < :now
        ORDER BY o.ts DESC LIMIT 1) AS newest
    WHERE s.id = ANY(:symbol_ids)
""")


def newest_bars(
    engine: Engine, symbols: Sequence[Symbol], timeframes: Sequence[Timeframe], *, now: datetime
) -> dict[tuple[str, Timeframe], datetime]:
    """Return the open (aware, UTC) of the newest bar that opened before ``now``, by symbol name and timeframe.

    A series without bars is absent.
    """
    parameters = {
        "timeframes": [str(timeframe) for timeframe in timeframes],
        "symbol_ids": [symbol.id for symbol in symbols],
        "now": now,
    }
    with engine.connect() as connection:
        rows = connection.execute(_NEWEST, parameters).all()
    return {(row.symbol, Timeframe(row.timeframe)): row.ts.astimezone(UTC) for row in rows}
