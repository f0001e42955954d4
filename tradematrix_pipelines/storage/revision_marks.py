"""The last revision of each session's candles: whether any has changed since it was last looked at."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine, text

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

_MARKS = text("""
    SELECT c.symbol_id, c.timeframe, c.trade_date, max(r.id) AS mark
    FROM ohlc_revisions AS r JOIN session_coverage AS c
      ON c.symbol_id = r.symbol_id AND c.timeframe = r.timeframe AND r.ts >= c.opens_at AND r.ts < c.closes_at
    WHERE r.symbol_id = ANY(:symbol_ids)
    GROUP BY c.symbol_id, c.timeframe, c.trade_date
""")


def read_revision_marks(engine: Engine, symbols: Sequence[Symbol]) -> dict[tuple[str, Timeframe, date], int]:
    """Return a number that grows with each revision, by symbol's name, timeframe and trade date, where there is one."""
    names = {symbol.id: symbol.name for symbol in symbols}
    with engine.connect() as connection:
        rows = connection.execute(_MARKS, {"symbol_ids": list(names)}).all()
    return {(names[row.symbol_id], Timeframe(row.timeframe), row.trade_date): row.mark for row in rows}
