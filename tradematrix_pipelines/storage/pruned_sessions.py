"""Which sessions were pruned.

Here: reading it. Not here: pruning them (``pruning``).
"""

from datetime import date

from sqlalchemy import Engine, text

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

_PRUNED = text("""
    SELECT trade_date FROM session_coverage
    WHERE symbol_id = :symbol_id AND timeframe = CAST(:timeframe AS ohlc_timeframe)
        AND trade_date BETWEEN :first AND :last AND pruned_at IS NOT NULL AND status <> 'closed'
    ORDER BY trade_date
""")


def pruned_dates(engine: Engine, symbol: Symbol, timeframe: Timeframe, first: date, last: date) -> list[date]:
    """Return the trade dates of a series between two, both included, whose candles were pruned; ascending."""
    terms = {"symbol_id": symbol.id, "timeframe": str(timeframe), "first": first, "last": last}
    with engine.connect() as connection:
        return list(connection.execute(_PRUNED, terms).scalars())
