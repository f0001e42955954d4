"""Symbols as the board has them, and the one that was asked for."""

from datetime import date, datetime

from tradematrix_pipelines.automation.pulls import coming_session
from tradematrix_pipelines.board.shapes import SymbolInfo, Symbols
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol, price_digits
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols


def list_symbols(database: Database) -> Symbols:
    """Return the active symbols."""
    return Symbols(symbols=[_info(symbol) for symbol in read_symbols(database.engine)])


def the_symbol(database: Database, name: str) -> Symbol:
    """Return the symbol that a name means.

    Raises:
        UnknownSymbol: there is none; the message says what may be meant.
    """
    [symbol] = find_symbols(database.engine, [name], only_active=False)
    return symbol


def the_date(symbol: Symbol, day: date | None, now: datetime) -> date:
    """Return a trade date that was asked for, else that of the coming session."""
    return day or coming_session(symbol, now).trade_date


def _info(symbol: Symbol) -> SymbolInfo:
    return SymbolInfo(
        symbol=symbol.name,
        alias=symbol.alias,
        instrument=str(symbol.instrument),
        calendar=symbol.calendar,
        timezone=calendar_of(symbol).timezone.key,
        exchange=symbol.exchange,
        currency=symbol.currency,
        tick_size=symbol.tick_size,
        digits=price_digits(symbol.tick_size),
    )
