"""Coverage rows: what is known of each session of each series."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, case, func, select
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.candles.batch import SeriesBatch
from tradematrix_pipelines.candles.coverage import Coverage, Status, StoredCoverage
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.tables import market_symbols, session_coverage

_FOUND = ("status", "final", "expected", "received", "rejected", "outside", "longest_gap", "source")
_KEY = ("symbol_id", "timeframe", "trade_date")


def write_coverage(connection: Connection, batch: SeriesBatch, *, now: datetime) -> None:
    """Insert or update the coverage of ``batch``'s sessions.

    A failed attempt leaves the counts of what is stored as they are: it only says why it failed.
    """
    if not batch.coverage:
        return
    rows = [
        {
            "symbol_id": batch.symbol.id,
            "timeframe": str(found.timeframe),
            "trade_date": found.trade_date,
            **{name: getattr(found, name) for name in _FOUND},
            "opens_at": found.opens_at,
            "closes_at": found.closes_at,
            "attempts": 1,
            "last_error": found.error,
            "retry_at": found.retry_at,
            "checked_at": now,
        }
        for found in batch.coverage
    ]
    statement = insert(session_coverage)
    new, failed = statement.excluded, statement.excluded.status == Status.FAILED
    kept = {"expected", "received", "rejected", "outside", "longest_gap", "source"}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(_KEY),
            set_={
                **{
                    name: case((failed, session_coverage.c[name]), else_=new[name]) if name in kept else new[name]
                    for name in _FOUND
                },
                "opens_at": new.opens_at,
                "closes_at": new.closes_at,
                # Counted from the close on: the pulls of an open session are no tries to complete it.
                "attempts": case((new.final & ~session_coverage.c.final, 1), else_=session_coverage.c.attempts + 1),
                "last_error": new.last_error,
                "retry_at": new.retry_at,
                "checked_at": new.checked_at,
            },
        ),
        rows,
    )


def read_coverage(
    engine: Engine,
    symbols: Sequence[Symbol],
    timeframes: Sequence[Timeframe],
    first: date,
    last: date,
) -> list[StoredCoverage]:
    """Return the coverage rows of these series between two trade dates, both included, by symbol, timeframe, date."""
    table = session_coverage
    query = (
        select(market_symbols.c.symbol, table)
        .join_from(table, market_symbols)
        .where(
            table.c.symbol_id.in_([symbol.id for symbol in symbols]),
            table.c.timeframe.in_([str(timeframe) for timeframe in timeframes]),
            table.c.trade_date.between(first, last),
        )
        .order_by(market_symbols.c.symbol, table.c.timeframe, table.c.trade_date)
    )
    with engine.connect() as connection:
        return [_stored(row) for row in connection.execute(query)]


def read_due_again(engine: Engine, *, since: date, now: datetime) -> list[StoredCoverage]:
    """Return what failed for a reason that has passed at ``now``, of active symbols, by symbol, timeframe, date.

    That is the closed sessions that waited for the day's credits, and whose reset has come.

    Args:
        since: first trade date of the partitions.
    """
    table = session_coverage
    query = (
        select(market_symbols.c.symbol, table)
        .join_from(table, market_symbols)
        .where(
            table.c.retry_at <= now,
            table.c.closes_at <= now,
            table.c.trade_date >= since,
            market_symbols.c.active,
        )
        .order_by(market_symbols.c.symbol, table.c.timeframe, table.c.trade_date)
    )
    with engine.connect() as connection:
        return [_stored(row) for row in connection.execute(query)]


def count_incomplete(
    engine: Engine,
    names: Sequence[str],
    timeframes: Sequence[Timeframe],
    first: date,
    last: date,
    *,
    now: datetime,
) -> tuple[int, StoredCoverage | None]:
    """Return how many sessions of these series are known between two dates, and the first that is incomplete.

    That is one that has closed by ``now`` and is not stored complete (``trading_day.healing.is_red``).
    """
    table = session_coverage
    among = (
        market_symbols.c.symbol.in_(names)
        & table.c.timeframe.in_([str(timeframe) for timeframe in timeframes])
        & table.c.trade_date.between(first, last)
    )
    whole = table.c.status.in_([str(Status.COMPLETE), str(Status.CLOSED)]) & table.c.final
    count = select(func.count()).select_from(table.join(market_symbols)).where(among)
    incomplete = (
        select(market_symbols.c.symbol, table)
        .join_from(table, market_symbols)
        .where(among, table.c.closes_at <= now, ~whole)
        .order_by(table.c.trade_date, market_symbols.c.id, table.c.timeframe)
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(incomplete).one_or_none()
        return connection.execute(count).scalar_one(), None if row is None else _stored(row)


def stored_sources(engine: Engine) -> set[str]:
    """Return the vendors that candles in this database came from."""
    query = select(session_coverage.c.source).where(session_coverage.c.received > 0).distinct()
    with engine.connect() as connection:
        return {str(source) for source in connection.execute(query).scalars() if source is not None}


def count_checked(engine: Engine, symbols: Sequence[Symbol], *, since: datetime) -> int:
    """Return how many sessions of ``symbols``, over all timeframes, were checked at or after ``since``."""
    query = (
        select(func.count())
        .select_from(session_coverage)
        .where(
            session_coverage.c.symbol_id.in_([symbol.id for symbol in symbols]),
            session_coverage.c.checked_at >= since,
        )
    )
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def _stored(row: Row[Any]) -> StoredCoverage:
    return StoredCoverage(
        symbol=row.symbol,
        coverage=Coverage(
            timeframe=Timeframe(row.timeframe),
            trade_date=row.trade_date,
            **{name: getattr(row, name) for name in _FOUND if name != "status"},
            status=Status(row.status),
            error=row.last_error,
            retry_at=row.retry_at,
            opens_at=row.opens_at,
            closes_at=row.closes_at,
        ),
        attempts=row.attempts,
        checked_at=row.checked_at,
    )
