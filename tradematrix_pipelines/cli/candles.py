"""``tradematrix candles``: show stored candles."""

from datetime import UTC, date, datetime, time, timedelta

import click
import pandas as pd

from tradematrix_pipelines.candles.adjusting import in_units_of
from tradematrix_pipelines.candles.frame import COLUMNS
from tradematrix_pipelines.cli.common import TradeDate, as_of_option, open_database, viewed_at
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.sessions import read_sessions
from tradematrix_pipelines.storage.symbols import find_symbols

_DAY = timedelta(days=1)


@click.command()
@click.argument("symbol")
@click.option("--timeframe", type=click.Choice([known.value for known in Timeframe]), default="1h", show_default=True)
@click.option("--from", "first", type=TradeDate(), help="First trade date.")
@click.option("--to", "last", type=TradeDate(), help="Last trade date.")
@click.option("--limit", type=click.IntRange(min=1), default=500, show_default=True, help="Only the newest ones.")
@click.option("--adjusted", is_flag=True, help="In today's units: prices before a split are divided by its ratio.")
@as_of_option
@json_option
def command(
    *,
    symbol: str,
    timeframe: str,
    first: date | None,
    last: date | None,
    limit: int,
    adjusted: bool,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Show stored candles of SYMBOL, oldest first; times are UTC."""
    with open_database() as (_, database):
        [known] = find_symbols(database.engine, [symbol], only_active=False)
        start, end = _window(known, first, last, viewed_at(as_of, database.clock.now()))
        if adjusted:
            candles = _adjusted(database, known, Timeframe(timeframe), (start, end), as_of=as_of).tail(limit)
        else:
            candles = database.candles.series(known, Timeframe(timeframe), start, end, newest=limit, as_of=as_of)
    rows = [
        {str(name): value for name, value in row.items()}
        | {"ts": row["ts"].to_pydatetime(), "volume": None if row["volume"] != row["volume"] else row["volume"]}
        for row in candles.to_dict("records")
    ]
    missing = f"no candles stored: run `tradematrix backfill {symbol} --from …`"
    show(rows, as_json=as_json, empty=missing if as_of is None else "no candles were stored then")


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
    if first is not None and last is not None and first > last:
        raise UsageError(f"--from {first} is after --to {last}: swap them")
    calendar = calendar_of(symbol)
    end = now if last is None else datetime.combine(last + timedelta(days=1), time(), UTC)
    if last is not None and (session := calendar.session(last)) is not None:
        end = session.closes_at
    if first is None:
        return datetime(1970, 1, 1, tzinfo=UTC), end
    session = calendar.session(first) or calendar.next(first)
    return session.opens_at, end
