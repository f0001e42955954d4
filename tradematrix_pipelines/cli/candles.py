"""``tradematrix candles``: show stored candles."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click
import pandas as pd

from tradematrix_pipelines.candles.adjusting import in_units_of
from tradematrix_pipelines.candles.frame import COLUMNS, PRICES
from tradematrix_pipelines.cli.common import (
    TimeframeName,
    TradeDate,
    as_of_option,
    first_date,
    open_database,
    simulated_title,
    span_option,
    viewed_at,
)
from tradematrix_pipelines.cli.output import json_option, note, price, show
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.sessions import read_sessions
from tradematrix_pipelines.storage.symbols import find_symbols

_DAY = timedelta(days=1)
_NEWEST = 500


@click.command()
@click.argument("symbol")
@click.option("--timeframe", type=TimeframeName(), default=Timeframe.H1, show_default=True)
@click.option("--from", "first", type=TradeDate(), help="First trade date.")
@span_option
@click.option("--to", "last", type=TradeDate(), help="Last trade date.")
@click.option(
    "--limit", type=click.IntRange(min=1), help=f"Only the newest ones; default: {_NEWEST} where no range is given."
)
@click.option("--adjusted", is_flag=True, help="In today's units: prices before a split are divided by its ratio.")
@as_of_option
@json_option
def command(
    *,
    symbol: str,
    timeframe: Timeframe,
    first: date | None,
    span: timedelta | None,
    last: date | None,
    limit: int | None,
    adjusted: bool,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Show stored candles of SYMBOL, oldest first; times are UTC."""
    with open_database() as (_, database):
        [known] = find_symbols(database.engine, [symbol], only_active=False)
        now = viewed_at(as_of, database.clock.now())
        is_whole = first is None and span is None and last is None and limit is None
        first = first_date(first, span, last=last or now.date())
        start, end = _window(known, first, last, now)
        newest = _NEWEST if is_whole else limit
        if adjusted:
            candles = _adjusted(database, known, timeframe, (start, end), as_of=as_of)
            candles = candles if newest is None else candles.tail(newest)
        else:
            candles = database.candles.series(known, timeframe, start, end, newest=newest, as_of=as_of)
        title = simulated_title(database)
    rows = [_row(row, known, as_json=as_json) for row in candles.to_dict("records")]
    where = "" if is_whole else " in this time"
    missing = (
        f"no {timeframe} candles of {known.name} are stored{where}: run `tradematrix backfill {known.name} --from …`"
    )
    show(rows, as_json=as_json, title=title, empty=missing if as_of is None else "no candles were stored then")
    if is_whole and len(rows) == _NEWEST:
        note(f"the newest {_NEWEST}: --last 20d, --from or --limit shows others", as_json=as_json)


def _row(row: Mapping[Any, Any], symbol: Symbol, *, as_json: bool) -> dict[str, object]:
    prices = {name: row[name] if as_json else price(row[name], symbol.tick_size) for name in PRICES}
    volume = None if row["volume"] != row["volume"] else row["volume"]
    return {"ts": row["ts"].to_pydatetime(), **prices, "volume": volume}


def _adjusted(
    database: Database,
    symbol: Symbol,
    timeframe: Timeframe,
    window: tuple[datetime, datetime],
    *,
    as_of: datetime | None,
) -> pd.DataFrame:
    start, end = window
    today = viewed_at(as_of, database.clock.now()).date()
    first, last = (start - _DAY).date(), (end + _DAY).date()
    rows = read_sessions(database, [symbol], timeframe, first, last, as_of=as_of)
    rows = rows[(rows["ts"] >= start) & (rows["ts"] < end)]
    daily = timeframe is Timeframe.D1
    return in_units_of(rows, today, symbol=symbol, calendar=calendar_of(symbol), daily=daily)[COLUMNS]


def _window(symbol: Symbol, first: date | None, last: date | None, now: datetime) -> tuple[datetime, datetime]:
    calendar = calendar_of(symbol)
    end = now if last is None else datetime.combine(last + timedelta(days=1), time(), UTC)
    if last is not None and (session := calendar.session(last)) is not None:
        end = session.closes_at
    if first is None:
        return datetime(1970, 1, 1, tzinfo=UTC), end
    session = calendar.session(first) or calendar.next(first)
    return session.opens_at, end
