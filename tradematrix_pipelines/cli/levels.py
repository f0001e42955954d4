"""``tradematrix levels``: the stored daily levels and pivot points of a session."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import click
import pandas as pd

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.cli.common import TradeDate, as_of_option, open_database, viewed_at
from tradematrix_pipelines.cli.level_book import show_book
from tradematrix_pipelines.cli.output import drop_usual, json_option, price, show
from tradematrix_pipelines.levels.daily import LEVELS as DAILY_LEVELS
from tradematrix_pipelines.levels.pivots import LEVELS, Method
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import read_levels
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols
from tradematrix_pipelines.storage.tables import levels_daily, pivot_levels

_CLASSIC = ["pivot", "r1", "r2", "s1", "s2"]


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option("--date", "trade_date", type=TradeDate(), help="Session to trade; default: the coming one.")
@click.option(
    "--method", type=click.Choice([known.value for known in Method]), help="Pivot points of this method instead."
)
@click.option("--book", is_flag=True, help="The level book instead: every level, and when it could be known.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind of the level book; may be given several times.")
@as_of_option
@json_option
def command(
    *,
    symbols: tuple[str, ...],
    trade_date: date | None,
    method: str | None,
    book: bool,
    kinds: tuple[str, ...],
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Show the levels to trade a session with, for all symbols or those given."""
    with open_database() as (_, database):
        chosen = find_symbols(database.engine, symbols, only_active=False) or read_symbols(database.engine)
        if book or kinds:
            now = viewed_at(as_of, database.clock.now())
            sessions = [(symbol, trade_date or coming_session(symbol, now)) for symbol in chosen]
            show_book(database, sessions, kinds=kinds, as_of=as_of, as_json=as_json)
            return
        show_levels(database, chosen, trade_date, method=method, as_of=as_of, as_json=as_json)


def show_levels(
    database: Database,
    symbols: Sequence[Symbol],
    trade_date: date | None,
    *,
    method: str | None = None,
    as_of: datetime | None = None,
    as_json: bool,
) -> None:
    """Print the levels of ``trade_date``, or of each symbol's coming session, as they are or were at ``as_of``."""
    now, rows = viewed_at(as_of, database.clock.now()), []
    for symbol in symbols:
        day = trade_date or coming_session(symbol, now)
        if method is None:
            table, names = levels_daily, [*DAILY_LEVELS, *_CLASSIC]
        else:
            table, names = pivot_levels, list(LEVELS)
        levels = read_levels(database.engine, table, [symbol], day, day, as_of=as_of)
        if method is not None:
            levels = levels[levels["method"] == method]
        rows += [_row(symbol, row, names, as_json=as_json) for row in levels.to_dict("records")]
    if not as_json:
        drop_usual(rows, "verdict", str(Verdict.ACCEPTED))
    first = symbols[0].name if symbols else "SYMBOL"
    missing = f"no levels stored: run `tradematrix backfill {first} --from …`"
    show(rows, as_json=as_json, empty=missing if as_of is None else "no levels were stored then")


def stored_pivots(name: str, trade_date: date | None, as_of: datetime | None) -> dict[Method, dict[str, float | None]]:
    """Return the stored pivot points of a symbol by method: of ``trade_date``, or of its coming session."""
    with open_database() as (_, database):
        [symbol] = find_symbols(database.engine, [name], only_active=False)
        day = trade_date or coming_session(symbol, viewed_at(as_of, database.clock.now()))
        rows = read_levels(database.engine, pivot_levels, [symbol], day, day, as_of=as_of)
    return {
        Method(row["method"]): {level: None if pd.isna(row[level]) else float(row[level]) for level in LEVELS}
        for row in rows.to_dict("records")
    }


def coming_session(symbol: Symbol, now: datetime) -> date:
    """Return the trade date of the session that is open at ``now``, else of the next to open."""
    calendar = calendar_of(symbol)
    session = calendar.next(now.date() - timedelta(days=2))
    while session.closes_at <= now:
        session = calendar.next(session.trade_date)
    return session.trade_date


def _row(symbol: Symbol, row: Mapping[Any, Any], names: Sequence[str], *, as_json: bool) -> dict[str, object]:
    shown: dict[str, object] = {"symbol": symbol.name, "trade_date": row["trade_date"]}
    shown["verdict"] = row["verdict"]
    if "y_trade_date" in row:
        shown["from_session"] = row["y_trade_date"]
    for name in names:
        value = row[name]
        number = None if value is None or pd.isna(value) else float(value)
        shown[name] = number if as_json else price(number, symbol.tick_size)
    return shown
