"""Levels, the level book and touches of one session, as the board has them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tradematrix_pipelines.board.shapes import BookLevel, LevelBook, Levels, Touch, Touches
from tradematrix_pipelines.board.symbols import the_date, the_symbol
from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.levels.daily import LEVELS as DAILY_LEVELS
from tradematrix_pipelines.levels.pivots import LEVELS as PIVOT_LEVELS
from tradematrix_pipelines.markets.symbols import price_digits
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_book import read_book
from tradematrix_pipelines.storage.levels import read_level_rows, why_no_levels
from tradematrix_pipelines.storage.tables import levels_daily, pivot_levels
from tradematrix_pipelines.storage.touches import read_touches

_Row = Mapping[str, Any]


def find_levels(database: Database, name: str, day: date | None) -> Levels:
    """Return the levels to trade a session with: that of ``day``, else the coming one."""
    symbol, now = the_symbol(database, name), database.clock.now()
    day = the_date(symbol, day, now)
    daily = next(iter(read_level_rows(database.engine, levels_daily, [symbol], day, day)), None)
    pivots = read_level_rows(database.engine, pivot_levels, [symbol], day, day)
    rows = [row for row in (daily, *pivots) if row is not None]
    return Levels(
        symbol=symbol.name,
        digits=price_digits(symbol.tick_size),
        trade_date=day,
        from_session=None if daily is None else daily["y_trade_date"],
        verdict=_verdict(rows),
        computed_at=max((row["computed_at"] for row in rows), default=None),
        daily={} if daily is None else daily_prices(daily),
        pivots={row["method"]: pivot_prices(row) for row in pivots},
        unavailable_reason=None if rows else why_no_levels(database.engine, symbol, day, now=now),
    )


def daily_prices(row: _Row) -> dict[str, float | None]:
    """Return the levels of a row of ``levels_daily``, by name."""
    return {name: row[name] for name in DAILY_LEVELS}


def pivot_prices(row: _Row) -> dict[str, float]:
    """Return the levels that the method of a row of ``pivot_levels`` has, by name."""
    return {name: row[name] for name in PIVOT_LEVELS if row[name] is not None}


def find_book(database: Database, name: str, day: date | None) -> LevelBook:
    """Return the level book of a session."""
    symbol = the_symbol(database, name)
    day = the_date(symbol, day, database.clock.now())
    rows = read_book(database.engine, [symbol], day, day).to_dict("records")
    return LevelBook(
        symbol=symbol.name,
        digits=price_digits(symbol.tick_size),
        trade_date=day,
        levels=[_book_level(row) for row in rows],
    )


def find_touches(database: Database, name: str, day: date | None) -> Touches:
    """Return the touches of a session."""
    symbol = the_symbol(database, name)
    day = the_date(symbol, day, database.clock.now())
    touches = [
        Touch(
            level=touch.level,
            level_price=touch.level_price,
            price=touch.price,
            at=touch.at,
            notified_at=touch.notified_at,
        )
        for touch in read_touches(database.engine, symbol, day)
    ]
    digits = price_digits(symbol.tick_size)
    return Touches(symbol=symbol.name, digits=digits, trade_date=day, touches=touches)


def _verdict(rows: Sequence[_Row]) -> Any:
    verdicts = {row["verdict"] for row in rows}
    return max(verdicts, key=[str(verdict) for verdict in Verdict].index, default=None)


def _book_level(row: Mapping[Any, Any]) -> BookLevel:
    instants = {name: row[name].to_pydatetime() for name in ("known_at", "published_at")}
    return BookLevel(**{name: row[name] for name in BookLevel.model_fields if name not in instants}, **instants)
