"""The rows of ``market_symbols``."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Engine, Row, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.automation.beginnings import began_at
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol, match_symbol
from tradematrix_pipelines.storage.calendars import read_corrections, read_defined
from tradematrix_pipelines.storage.splits import read_splits
from tradematrix_pipelines.storage.tables import (
    incidents,
    level_revisions,
    levels,
    levels_daily,
    levels_history,
    market_symbols,
    metadata,
    ohlc,
    ohlc_revisions,
    pivot_levels,
    rejected_candles,
    session_coverage,
)

_PRICES = (
    ohlc,
    ohlc_revisions,
    rejected_candles,
    levels_daily,
    pivot_levels,
    levels_history,
    levels,
    level_revisions,
)


class UnknownSymbol(UsageError):
    """No such symbol is stored."""


def read_symbols(engine: Engine, *, only_active: bool = True) -> list[Symbol]:
    """Return the symbols in the order in which they were added, with what users know of their calendars and splits."""
    query = select(market_symbols).order_by(market_symbols.c.id)
    if only_active:
        query = query.where(market_symbols.c.active)
    with engine.connect() as connection:
        hours, corrections = read_defined(connection), read_corrections(connection)
        splits = read_splits(connection)
        symbols = [_symbol(row) for row in connection.execute(query)]
    return [
        replace(
            symbol,
            hours=hours.get(symbol.calendar),
            corrections=corrections.get(symbol.calendar, ()),
            splits=splits.get(symbol.id, ()),
        )
        for symbol in symbols
    ]


def find_symbols(engine: Engine, names: Iterable[str], *, only_active: bool = True) -> list[Symbol]:
    """Return the symbols of these names, in the order asked for, each once.

    A name is understood in another case, without its separator, and by its alias (``match_symbol``).

    Raises:
        UnknownSymbol: a name is not stored, or not active where ``only_active``.
    """
    known = read_symbols(engine, only_active=False)
    selected: dict[str, Symbol] = {}
    for name in names:
        symbol = match_symbol(name, known)
        if symbol is None:
            raise UnknownSymbol(_unknown(name, [s.name for s in known]))
        if only_active and not symbol.active:
            raise UnknownSymbol(f"{symbol.name} is deactivated: run `tradematrix symbols activate {symbol.name}` first")
        selected[symbol.name] = symbol
    return list(selected.values())


def add_symbols(engine: Engine, symbols: Sequence[Symbol], *, now: datetime | None = None) -> list[str]:
    """Store ``symbols`` and return the names of the new ones; existing ones stay unchanged.

    Args:
        now: when they were added, aware; ``None`` = by the database's clock.
    """
    statement = insert(market_symbols).on_conflict_do_nothing().returning(market_symbols.c.symbol)
    with engine.begin() as connection:
        return [str(row.symbol) for row in connection.execute(statement, _new_rows(symbols, now))]


def read_beginnings(engine: Engine, symbols: Sequence[Symbol], *, now: datetime) -> dict[str, datetime]:
    """Return when each of ``symbols`` began (``automation.beginnings``), by name."""
    first = (
        select(func.min(session_coverage.c.checked_at))
        .where(session_coverage.c.symbol_id == market_symbols.c.id)
        .scalar_subquery()
    )
    query = select(
        market_symbols.c.symbol,
        market_symbols.c.created_at,
        # Evaluated only where it is needed: there may be years of sessions.
        case((market_symbols.c.created_at > now, first)).label("first"),
    ).where(market_symbols.c.id.in_([symbol.id for symbol in symbols]))
    with engine.connect() as connection:
        return {row.symbol: began_at(row.created_at, row.first, now) for row in connection.execute(query)}


def insert_default_symbols(connection: Connection, symbols: Sequence[Symbol], *, now: datetime | None) -> None:
    """Store ``symbols`` in the connection's transaction, where none is stored; ``now`` as in :func:`add_symbols`."""
    if connection.execute(select(market_symbols.c.id).limit(1)).first() is None:
        connection.execute(insert(market_symbols), _new_rows(symbols, now))


def set_active(engine: Engine, name: str, *, active: bool) -> Symbol:
    """Activate or deactivate a symbol; its candles and levels stay.

    Raises:
        UnknownSymbol: the name is not stored.
    """
    return _set(engine, name, active=active)


def set_touch_alerts(engine: Engine, name: str, *, on: bool, levels: Sequence[str] | None = None) -> Symbol:
    """Turn alerts for levels that the price of a symbol touches on or off.

    Args:
        levels: only these, as ``levels.watched`` names them; ``None`` = the usual ones.

    Raises:
        UnknownSymbol: the name is not stored.
    """
    return _set(engine, name, touch_alerts=on, touch_levels=None if levels is None else list(levels))


def count_stored(engine: Engine, symbol: Symbol) -> dict[str, int]:
    """Return how many rows of prices each table holds of ``symbol``; a table without any is absent."""
    counts = {}
    with engine.connect() as connection:
        for table in _PRICES:
            count = select(func.count()).select_from(table).where(table.c.symbol_id == symbol.id)
            counts[table.name] = connection.execute(count).scalar_one()
    return {name: count for name, count in counts.items() if count}


def remove_symbol(engine: Engine, symbol: Symbol, *, purge: bool) -> None:
    """Delete a symbol and all that is known of it, in one transaction.

    Args:
        purge: whether prices may go with it.

    Raises:
        UsageError: prices are stored, and ``purge`` is not set.
    """
    with engine.begin() as connection:
        # A concurrent writer of its candles either ends first or fails: the symbol is gone.
        connection.execute(select(market_symbols.c.id).where(market_symbols.c.id == symbol.id).with_for_update())
        for table in metadata.sorted_tables:
            if "symbol_id" in table.c:
                deleted = connection.execute(delete(table).where(table.c.symbol_id == symbol.id)).rowcount
                if deleted and table in _PRICES and not purge:
                    raise UsageError(f"{symbol.name} has prices now: it is not removed")
        # Incidents of the symbol only: those of its runs have the job in their key, and stay.
        connection.execute(delete(incidents).where(func.split_part(incidents.c.key, "|", 2) == symbol.name))
        connection.execute(delete(market_symbols).where(market_symbols.c.id == symbol.id))


def _unknown(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name.upper(), known, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}? There are" if close else "have"
    return f"unknown symbol {name!r}: {hint} {', '.join(known)}; add one with: tradematrix symbols add {name}"


def _set(engine: Engine, name: str, **values: object) -> Symbol:
    [symbol] = find_symbols(engine, [name], only_active=False)
    with engine.begin() as connection:
        connection.execute(update(market_symbols).where(market_symbols.c.id == symbol.id).values(values))
    return find_symbols(engine, [symbol.name], only_active=False)[0]


def _new_rows(symbols: Sequence[Symbol], now: datetime | None) -> list[dict[str, Any]]:
    stamp = {} if now is None else {"created_at": now}
    return [symbol_row(symbol) | stamp for symbol in symbols]


def symbol_row(symbol: Symbol) -> dict[str, Any]:
    """Return the columns of ``market_symbols`` for a symbol, but for its key and when it was added."""
    low, high = symbol.price_range or (None, None)
    return {
        "vendor": symbol.vendor,
        "symbol": symbol.name,
        "alias": symbol.alias,
        "instrument": str(symbol.instrument),
        "calendar": symbol.calendar,
        "timezone": calendar_of(symbol).timezone.key,
        "exchange": symbol.exchange,
        "currency": symbol.currency,
        "tick_size": symbol.tick_size,
        "vendor_symbols": dict(symbol.vendor_symbols),
        "price_min": low,
        "price_max": high,
        "gap_tolerance": symbol.gap_tolerance,
        "active": symbol.active,
        "touch_alerts": symbol.touch_alerts,
        "touch_levels": None if symbol.touch_levels is None else list(symbol.touch_levels),
        "thresholds": dict(symbol.thresholds),
        "level_kinds": None if symbol.level_kinds is None else list(symbol.level_kinds),
    }


def _symbol(row: Row[Any]) -> Symbol:
    return Symbol(
        id=row.id,
        name=row.symbol,
        vendor=row.vendor,
        alias=row.alias,
        instrument=InstrumentType(row.instrument),
        calendar=row.calendar,
        exchange=row.exchange,
        currency=row.currency,
        tick_size=row.tick_size,
        vendor_symbols=row.vendor_symbols,
        price_range=None if row.price_min is None or row.price_max is None else (row.price_min, row.price_max),
        gap_tolerance=row.gap_tolerance,
        active=row.active,
        touch_alerts=row.touch_alerts,
        touch_levels=None if row.touch_levels is None else tuple(row.touch_levels),
        thresholds=row.thresholds,
        level_kinds=None if row.level_kinds is None else tuple(row.level_kinds),
    )
