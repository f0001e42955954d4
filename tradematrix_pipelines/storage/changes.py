"""What tells that prices, coverage or incidents have changed since one last looked.

Here: cheap values to compare with earlier ones. Not here: what has changed to what.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine, func, select

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.storage.tables import current_prices, incidents, market_symbols, session_coverage


def price_marks(engine: Engine) -> dict[str, datetime]:
    """Return when each symbol's current price was last written, by name."""
    query = select(market_symbols.c.symbol, current_prices.c.updated_at).join_from(current_prices, market_symbols)
    with engine.connect() as connection:
        return {row.symbol: row.updated_at for row in connection.execute(query)}


def coverage_marks(engine: Engine) -> dict[str, tuple[object, ...]]:
    """Return by symbol's name what differs once a session was fetched, judged or accepted."""
    table = session_coverage.c
    query = (
        select(
            market_symbols.c.symbol,
            func.count(),
            func.max(table.checked_at),
            func.count().filter(table.verdict == str(Verdict.DOUBTFUL)),
        )
        .join_from(session_coverage, market_symbols)
        .group_by(market_symbols.c.symbol)
    )
    with engine.connect() as connection:
        return {symbol: tuple(rest) for symbol, *rest in connection.execute(query)}


def incident_marks(engine: Engine) -> tuple[int, int]:
    """Return how many incidents are open, and the key of the newest one that is."""
    open_ones = incidents.c.closed_at.is_(None)
    query = select(func.count(), func.coalesce(func.max(incidents.c.id), 0)).where(open_ones)
    with engine.connect() as connection:
        count, newest = connection.execute(query).one()
    return count, newest


def changed_keys(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Return the names whose mark is new or another one, in the order of ``now``."""
    return [name for name, mark in now.items() if before.get(name) != mark]
