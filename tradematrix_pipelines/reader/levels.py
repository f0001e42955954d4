"""``tm.levels``: daily levels and pivot points as one frame."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal, get_args, overload

import pandas as pd
import pyarrow as pa
from sqlalchemy import Table

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.daily import LEVELS as DAILY_LEVELS
from tradematrix_pipelines.levels.pivots import LEVELS as PIVOT_LEVELS
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.reader.formats import CATEGORY, INSTANT, Format, check_format, convert, table_of
from tradematrix_pipelines.reader.opening import Moment, open_to_read, parse_date, parse_instant, select_symbols
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import read_levels
from tradematrix_pipelines.storage.tables import levels_daily, pivot_levels

SCHEMA = pa.schema(
    [
        pa.field("symbol", CATEGORY),
        pa.field("trade_date", pa.date32()),
        pa.field("y_trade_date", pa.date32()),
        *(pa.field(name, pa.float64()) for name in (*DAILY_LEVELS, *PIVOT_LEVELS)),
        pa.field("verdict", CATEGORY),
        pa.field("computed_at", INSTANT),
    ]
)
"""The columns of the frame, as Arrow has them."""

Pivots = Literal["classic", "fibonacci", "camarilla", "woodie", "demark"]
_Row = dict[str, Any]


@overload
def levels(
    symbols: str | Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    pivots: Pivots = "classic",
    as_of: datetime | str | None = None,
    as_: Literal["pandas"] = "pandas",
    url: str | None = None,
) -> pd.DataFrame: ...


@overload
def levels(
    symbols: str | Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    pivots: Pivots = "classic",
    as_of: datetime | str | None = None,
    as_: Literal["arrow", "polars"],
    url: str | None = None,
) -> Any: ...


def levels(
    symbols: str | Iterable[str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    pivots: Pivots = "classic",
    as_of: datetime | str | None = None,
    as_: Format = "pandas",
    url: str | None = None,
) -> Any:
    """Return the levels to trade sessions with: one row a symbol and trade date, by symbol and trade date.

    Columns: ``symbol``, ``trade_date`` (the session to trade), ``y_trade_date`` (the session that they come from), the
    daily levels, the pivot points of one method (null where it has none of that name), ``verdict`` (``doubtful`` where
    they come from such a session) and ``computed_at`` (UTC). Prices are in price units.

    Args:
        symbols: one name, or several; ``None`` = all active ones.
        start: the first trade date; ``None`` = the first that is stored.
        end: the last one, included; ``None`` = the last that is stored.
        pivots: the method.
        as_of: the levels that were published at this instant.
        as_: ``pandas``, ``arrow`` or ``polars``.
        url: the database to read; ``None`` = that of the settings.
    """
    check_format(as_)
    if pivots not in get_args(Pivots):
        raise UsageError(f"pivots={pivots!r} is none of {', '.join(get_args(Pivots))}")
    first, last = parse_date(start, "start") or date.min, parse_date(end, "end") or date.max
    if first > last:
        raise UsageError(f"start={start} is after end={end}: swap them")
    with open_to_read(url) as (_, database):
        at = parse_instant(as_of, "as_of", database.clock.now())
        rows = [
            row
            for symbol in select_symbols(database, symbols)
            for row in _rows(database, symbol, (first, last), Method(pivots), at)
        ]
    return convert(table_of(rows, SCHEMA), as_)


def _rows(
    database: Database, symbol: Symbol, between: tuple[date, date], method: Method, as_of: datetime | None
) -> list[_Row]:
    daily = {day: row for (day, _), row in _by_date(database, levels_daily, symbol, between, as_of).items()}
    stored = _by_date(database, pivot_levels, symbol, between, as_of)
    points = {day: row for (day, name), row in stored.items() if name == method}
    return [_joined(daily.get(day, {}), points.get(day, {})) for day in sorted({*daily, *points})]


def _by_date(
    database: Database, table: Table, symbol: Symbol, between: tuple[date, date], as_of: datetime | None
) -> dict[tuple[date, str | None], _Row]:
    """Return rows by trade date and pivot method."""
    rows = read_levels(database.engine, table, [symbol], *between, as_of=as_of).to_dict("records")
    return {
        (row["trade_date"], row.get("method")): {
            str(name): None if pd.isna(value) else value for name, value in row.items()
        }
        for row in rows
    }


def _joined(daily: _Row, points: _Row) -> _Row:
    parts = [part for part in (daily, points) if part]
    doubtful = any(part["verdict"] == Verdict.DOUBTFUL for part in parts)
    return {
        **{name: points.get(name) for name in PIVOT_LEVELS},
        **{name: daily.get(name) for name in ("y_trade_date", *DAILY_LEVELS)},
        "symbol": parts[0]["symbol"],
        "trade_date": parts[0]["trade_date"],
        "verdict": str(Verdict.DOUBTFUL if doubtful else Verdict.ACCEPTED),
        "computed_at": max(part["computed_at"] for part in parts),
    }
