"""``tradematrix levels``: the levels to trade a session with, and where the last price is among them.

Here: which levels are shown, as a table, as cards or as JSON. Not here: how a table is laid out (``output``), how a
card is (``level_cards``), or why levels are absent (``automation.absent_levels``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import click

from tradematrix_pipelines.automation import pulls
from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.cli.common import (
    TradeDate,
    as_of_option,
    method_option,
    open_database,
    simulated_title,
    viewed_at,
)
from tradematrix_pipelines.cli.level_book import show_book
from tradematrix_pipelines.cli.level_cards import LevelCard, print_cards
from tradematrix_pipelines.cli.output import (
    console,
    drop_empty,
    drop_usual,
    is_piped,
    json_option,
    note,
    price,
    show,
    wide_option,
)
from tradematrix_pipelines.levels.daily import LEVELS as DAILY_LEVELS
from tradematrix_pipelines.levels.pivots import LEVELS as PIVOT_LEVELS
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.current_prices import LastPrice, read_last_prices
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import read_level_rows, why_no_levels
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols
from tradematrix_pipelines.storage.tables import levels_daily, pivot_levels

_TABLE_WIDTH = 100
"""Columns of a terminal from which on a table is legible; a narrower one shows cards."""

_SHOWN = ("r2", "r1", "pp", "s1", "s2", "y_high", "y_low", "y_close")
_OPTIONAL = ("above", "below", "s2", "r2", "from_session")
_CLASSIC = {"pivot": "pp", **{name: name for name in ("r1", "r2", "s1", "s2")}}

Prices = dict[str, float | None]
_Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredLevels:
    """The levels of one symbol and trade date.

    Attributes:
        method: of the pivot points.
        from_session: the session that they come from; ``None`` where only pivot points are stored.
        daily: daily levels by name; ``pivots``: pivot points by name.
    """

    symbol: Symbol
    trade_date: date
    verdict: str
    method: Method
    from_session: date | None = None
    daily: Prices = field(default_factory=dict)
    pivots: Prices = field(default_factory=dict)

    @property
    def prices(self) -> Prices:
        """All of them, the highest pivot points first."""
        pivots = sorted(self.pivots.items(), key=lambda item: item[1] or 0.0, reverse=True)
        return {**dict(pivots), **self.daily}


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option(
    "--date", "trade_date", type=TradeDate(), help="Session to trade, or `tomorrow`; default: the coming one."
)
@method_option
@click.option("--book", is_flag=True, help="The level book instead: every level, and when it could be known.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind of the level book; may be given several times.")
@as_of_option
@wide_option
@json_option
def command(
    *,
    symbols: tuple[str, ...],
    trade_date: date | None,
    method: Method | None,
    book: bool,
    kinds: tuple[str, ...],
    as_of: datetime | None,
    wide: bool,
    as_json: bool,
) -> None:
    """Show the levels to trade a session with, for all symbols or those given.

    With the last stored price and the levels nearest to it, in price units. Symbols that have no levels are listed with
    the reason. A terminal of less than 100 columns shows a card a symbol.
    """
    with open_database() as (settings, database):
        chosen = find_symbols(database.engine, symbols, only_active=False) or read_symbols(database.engine)
        if book or kinds:
            now = viewed_at(as_of, database.clock.now())
            sessions = [(symbol, trade_date or coming_session(symbol, now)) for symbol in chosen]
            shown = None if wide or is_piped() else method or settings.pivot_method
            show_book(database, sessions, kinds=kinds, method=shown, as_of=as_of, as_json=as_json)
            return
        show_levels(
            database,
            chosen,
            trade_date,
            method=method or settings.pivot_method,
            only_pivots=method is not None,
            as_of=as_of,
            wide=wide,
            as_json=as_json,
        )


def show_levels(
    database: Database,
    symbols: Sequence[Symbol],
    trade_date: date | None,
    *,
    method: Method = Method.CLASSIC,
    only_pivots: bool = False,
    as_of: datetime | None = None,
    wide: bool = False,
    as_json: bool,
) -> None:
    """Print the levels of ``trade_date``, or of each symbol's coming session, as they are or were at ``as_of``.

    Args:
        method: of the pivot points; ``only_pivots``: whether JSON has all of these, and no daily levels.
        wide: whether all levels are shown, instead of those that most traders draw.
    """
    now = viewed_at(as_of, database.clock.now())
    sessions = [(symbol, trade_date or coming_session(symbol, now)) for symbol in symbols]
    stored = _read(database, sessions, method, as_of=as_of)
    last = {} if as_of else read_last_prices(database.engine, symbols)
    if as_json:
        show([_json_row(levels, only_pivots=only_pivots) for levels in stored], as_json=True)
    elif stored:
        _print(stored, last, wide=wide, title=simulated_title(database))
    there = {levels.symbol.name for levels in stored}
    for symbol, day in sessions:
        if symbol.name not in there:
            why = "no levels were stored then" if as_of else why_no_levels(database.engine, symbol, day, now=now)
            note(f"{symbol.name} {day}: {why}", as_json=as_json)


def stored_pivots(
    name: str, trade_date: date | None, as_of: datetime | None
) -> tuple[Symbol, dict[Method, Prices], str | None]:
    """Return a symbol, its stored pivot points by method, and the title of their table.

    They are of ``trade_date``, or of its coming session.
    """
    with open_database() as (_, database):
        [symbol] = find_symbols(database.engine, [name], only_active=False)
        day = trade_date or coming_session(symbol, viewed_at(as_of, database.clock.now()))
        rows = read_level_rows(database.engine, pivot_levels, [symbol], day, day, as_of=as_of)
        return symbol, {Method(row["method"]): _prices(row, PIVOT_LEVELS) for row in rows}, simulated_title(database)


def coming_session(symbol: Symbol, now: datetime) -> date:
    """Return the trade date of the session that is open at ``now``, else of the next to open."""
    return pulls.coming_session(symbol, now).trade_date


def _read(
    database: Database, sessions: Sequence[tuple[Symbol, date]], method: Method, *, as_of: datetime | None
) -> list[StoredLevels]:
    """Return the levels of each symbol's trade date, where there are any."""
    if not sessions:
        return []
    symbols, days = zip(*sessions, strict=True)
    daily, points = (
        {
            (row["symbol"], row["trade_date"]): row
            for row in read_level_rows(database.engine, table, symbols, min(days), max(days), as_of=as_of)
            if table is levels_daily or row["method"] == method
        }
        for table in (levels_daily, pivot_levels)
    )
    return [
        _stored(symbol, day, method, daily.get((symbol.name, day)), points.get((symbol.name, day)))
        for symbol, day in sessions
        if (symbol.name, day) in daily or (symbol.name, day) in points
    ]


def _stored(symbol: Symbol, day: date, method: Method, daily: _Row | None, points: _Row | None) -> StoredLevels:
    """Return levels from their rows, one of which there is; classic points are in the daily row, too."""
    pivots = {} if points is None else _prices(points)
    if daily is None:
        verdict = "" if points is None else points["verdict"]
        return StoredLevels(symbol=symbol, trade_date=day, verdict=verdict, method=method, pivots=pivots)
    if points is None and method is Method.CLASSIC:
        pivots = {name: _number(daily[column]) for column, name in _CLASSIC.items()}
    return StoredLevels(
        symbol=symbol,
        trade_date=day,
        verdict=daily["verdict"],
        method=method,
        from_session=daily["y_trade_date"],
        daily=_prices(daily, tuple(DAILY_LEVELS)),
        pivots=pivots,
    )


def _print(
    stored: Sequence[StoredLevels],
    last: dict[str, LastPrice],
    *,
    wide: bool,
    title: str | None,
) -> None:
    if not is_piped() and console().width < _TABLE_WIDTH:
        print_cards([_card(levels, last, wide=wide) for levels in stored], console(), title)
        return
    rows = [_row(levels, last, wide=wide) for levels in stored]
    drop_usual(rows, "verdict", str(Verdict.ACCEPTED))
    drop_empty(rows, ("last", "above", "below", *PIVOT_LEVELS))
    show(rows, as_json=False, title=title, optional=("above", "below", "from_session") if wide else _OPTIONAL)


def _card(levels: StoredLevels, last: dict[str, LastPrice], *, wide: bool) -> LevelCard:
    known, symbol = last.get(levels.symbol.name), levels.symbol
    names = levels.prices if wide else _SHOWN
    doubt = "" if levels.verdict == Verdict.ACCEPTED else f" {levels.verdict.upper()}"
    session = "" if levels.from_session is None else f", from {levels.from_session}"
    return LevelCard(
        heading=f"{levels.trade_date:%a %Y-%m-%d}{session}, {levels.method}{doubt}",
        symbol=symbol.name,
        prices={name: value for name in names if (value := levels.prices.get(name)) is not None},
        tick_size=symbol.tick_size,
        last=None if known is None else known.price,
        last_at=None if known is None else known.at,
    )


def _row(levels: StoredLevels, last: dict[str, LastPrice], *, wide: bool) -> dict[str, Any]:
    known, tick = last.get(levels.symbol.name), levels.symbol.tick_size
    names = levels.prices if wide else _SHOWN
    card = _card(levels, last, wide=wide)
    above, below = card.nearest()
    return {
        "symbol": levels.symbol.name,
        "trade_date": levels.trade_date,
        "verdict": levels.verdict,
        "last": price(None if known is None else known.price, tick),
        **{name: price(levels.prices.get(name), tick) for name in names},
        "above": card.distance(above),
        "below": card.distance(below),
        "from_session": levels.from_session,
    }


def _json_row(levels: StoredLevels, *, only_pivots: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"symbol": levels.symbol.name, "trade_date": levels.trade_date, "verdict": levels.verdict}
    if only_pivots:
        return row | {name: levels.pivots.get(name) for name in PIVOT_LEVELS}
    classic = {column: levels.pivots.get(name) for column, name in _CLASSIC.items()}
    return row | {"from_session": levels.from_session} | levels.daily | classic | {"method": str(levels.method)}


def _prices(row: _Row, names: Sequence[str] = PIVOT_LEVELS) -> Prices:
    return {name: _number(row[name]) for name in names}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
