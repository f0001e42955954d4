"""The rows of ``history_starts``: where each vendor's series begin, by its own answer."""

from datetime import UTC, date, datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.ingest.history import History
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.tables import history_starts, session_coverage


def open_history(engine: Engine, symbol: Symbol, *, clock: Clock, ask_again: bool = False) -> History:
    """Return what is known of the start of a symbol's series; what a vendor answers from now on is stored.

    Args:
        ask_again: whether earlier answers are left out, so that the vendors are asked again.
    """

    def keep(vendor: str, timeframe: Timeframe, starts_at: datetime) -> None:
        _write(engine, symbol, vendor, timeframe, starts_at, now=clock.now())

    starts = {} if ask_again else _read(engine, symbol)
    return History(symbol=symbol, starts=starts, oldest=_oldest(engine, symbol), keep=keep)


def _read(engine: Engine, symbol: Symbol) -> dict[tuple[str, Timeframe], datetime]:
    """Return the starts; one that was asked for under another name at the vendor may be another instrument's."""
    table = history_starts
    query = select(table).where(table.c.symbol_id == symbol.id)
    with engine.connect() as connection:
        return {
            (row.vendor, Timeframe(row.timeframe)): row.starts_at.astimezone(UTC)
            for row in connection.execute(query)
            if row.vendor_symbol == symbol.symbol_at(row.vendor)
        }


def _write(
    engine: Engine, symbol: Symbol, vendor: str, timeframe: Timeframe, starts_at: datetime, *, now: datetime
) -> None:
    key = {"symbol_id": symbol.id, "vendor": vendor, "timeframe": str(timeframe)}
    answer = {"vendor_symbol": symbol.symbol_at(vendor), "starts_at": starts_at, "asked_at": now}
    statement = insert(history_starts).values(**key, **answer)
    with engine.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=answer))


def _oldest(engine: Engine, symbol: Symbol) -> dict[Timeframe, date]:
    """Return the first trade date with stored candles, by timeframe."""
    column = session_coverage.c
    query = (
        select(column.timeframe, func.min(column.trade_date).label("oldest"))
        .where(column.symbol_id == symbol.id, column.received > 0)
        .group_by(column.timeframe)
    )
    with engine.connect() as connection:
        return {Timeframe(row.timeframe): row.oldest for row in connection.execute(query)}
