"""Writing daily levels and pivot points, and reading them back."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Subquery, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.automation.absent_levels import why_absent
from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Method, Pivots
from tradematrix_pipelines.levels.pivots import pivots as compute
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.past import levels_at
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines.storage.tables import (
    calendar_corrections,
    levels_daily,
    market_symbols,
    pivot_levels,
    splits,
)

if TYPE_CHECKING:
    import pandas as pd


def write_levels(
    engine: Engine,
    *,
    daily: Sequence[tuple[Symbol, DailyLevels]] = (),
    pivots: Sequence[tuple[Symbol, date, Pivots]] = (),
    doubtful: AbstractSet[tuple[str, date]] = frozenset(),
    now: datetime,
) -> int:
    """Store levels in one transaction; return how many rows are new or changed.

    Args:
        daily: rows of ``levels_daily``; the classic pivots are added to them.
        pivots: rows of ``pivot_levels``, with their trade date.
        doubtful: those to be marked as doubtful, by symbol's name and trade date.
        now: timestamp of new and changed rows, aware, UTC.
    """
    with engine.begin() as connection:
        stamp(connection, now)
        days = [
            _daily_row(symbol, levels, now) | _verdict(symbol, levels.trade_date, doubtful) for symbol, levels in daily
        ]
        points = [
            _pivot_row(symbol, day, pivot, now) | _verdict(symbol, day, doubtful) for symbol, day, pivot in pivots
        ]
        return _upsert(connection, levels_daily, days) + _upsert(connection, pivot_levels, points)


def why_no_levels(engine: Engine, symbol: Symbol, day: date, *, now: datetime) -> str:
    """Return why a trade date has no levels, and what brings them, in one line (``automation.absent_levels``)."""
    before = calendar_of(symbol).previous(day).trade_date
    row = next(iter(read_coverage(engine, [symbol], [Timeframe.D1], before, before)), None)
    return why_absent(symbol, day, row=row, now=now)


def read_levels(
    engine: Engine,
    table: Table,
    symbols: Sequence[Symbol],
    first: date,
    last: date,
    *,
    as_of: datetime | None = None,
) -> "pd.DataFrame":
    """Return :func:`read_level_rows` as a frame, a column a column of the table; a null level is NaN."""
    import pandas as pd  # noqa: PLC0415 - see read_level_rows

    names = [*("symbol",), *(column.name for column in table.c if column.name != "symbol_id")]
    rows = read_level_rows(engine, table, symbols, first, last, as_of=as_of)
    return pd.DataFrame([tuple(row.values()) for row in rows], columns=names)


def read_level_rows(
    engine: Engine,
    table: Table,
    symbols: Sequence[Symbol],
    first: date,
    last: date,
    *,
    as_of: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of a table of levels between two trade dates, both included, with the ``symbol``.

    No frame: commands show a few rows, and pandas takes longer to import than to read them.

    Args:
        table: ``levels_daily`` or ``pivot_levels``. Its dates are dates, its levels floats in price units or ``None``.
        as_of: return what was published at this instant, aware; ``None`` = now.
    """
    query = _present_rows(table) if as_of is None else _rows_of(table, levels_at(table, as_of))
    terms = {"symbol_ids": [symbol.id for symbol in symbols], "first": first, "last": last}
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query, terms).mappings()]


def read_level_dates(engine: Engine) -> list[date]:
    """Return the trade dates that any symbol has daily levels for, ascending."""
    query = select(levels_daily.c.trade_date).distinct().order_by(levels_daily.c.trade_date)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


@cache
def _present_rows(table: Table) -> Select[Any]:
    """Return the query for what is stored now; making it takes longer than its rows do to arrive."""
    return _rows_of(table, table)


def _rows_of(table: Table, rows: Table | Subquery) -> Select[Any]:
    """Return the query for the rows of a table, or of what it was, by ``symbol_ids``, ``first`` and ``last``."""
    return (
        select(market_symbols.c.symbol, *(column for column in rows.c if column.name != "symbol_id"))
        .join_from(rows, market_symbols, rows.c.symbol_id == market_symbols.c.id)
        .where(
            rows.c.symbol_id.in_(bindparam("symbol_ids", expanding=True)),
            rows.c.trade_date.between(bindparam("first"), bindparam("last")),
        )
        .order_by(rows.c.trade_date, market_symbols.c.id, *(rows.c[key.name] for key in table.primary_key))
    )


def _daily_row(symbol: Symbol, levels: DailyLevels, now: datetime) -> dict[str, Any]:
    classic = compute(Method.CLASSIC, high=levels.y_high, low=levels.y_low, close=levels.y_close)
    pivot_columns = {
        "pivot": classic.pp,
        **{name: getattr(classic, name) for name in ("r1", "r2", "r3", "s1", "s2", "s3")},
    }
    return {"symbol_id": symbol.id, **asdict(levels), **pivot_columns, "computed_at": now}


def _pivot_row(symbol: Symbol, trade_date: date, pivots: Pivots, now: datetime) -> dict[str, Any]:
    key = {"trade_date": trade_date, "symbol_id": symbol.id, "method": str(pivots.method)}
    return {**key, **pivots.as_dict(), "computed_at": now}


def _verdict(symbol: Symbol, trade_date: date, doubtful: AbstractSet[tuple[str, date]]) -> dict[str, str]:
    return {"verdict": str(Verdict.DOUBTFUL if (symbol.name, trade_date) in doubtful else Verdict.ACCEPTED)}


def _upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    if not rows:
        return 0
    keys = [column.name for column in table.primary_key]
    statement = insert(table)
    values = [column.name for column in table.columns if column.name not in keys]
    compared = [name for name in values if name != "computed_at"]
    differs = table.c[compared[0]].is_distinct_from(statement.excluded[compared[0]])
    for name in compared[1:]:
        differs |= table.c[name].is_distinct_from(statement.excluded[name])
    differs |= _before_a_correction(table) | _before_a_decision(table)
    statement = statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in values}, where=differs
    )
    return len(connection.execute(statement.returning(table.c.symbol_id), list(rows)).all())


def _before_a_correction(table: Table) -> ColumnElement[bool]:
    """Whether the calendar was corrected since a row was computed: it is stamped anew, even if it is the same."""
    made = calendar_corrections
    return (
        select(made.c.id)
        .join_from(made, market_symbols, market_symbols.c.calendar == made.c.calendar)
        .where(
            market_symbols.c.id == table.c.symbol_id,
            table.c.computed_at < func.greatest(made.c.made_at, made.c.undone_at),
        )
        .correlate(table)
        .exists()
    )


def _before_a_decision(table: Table) -> ColumnElement[bool]:
    """Whether a person has decided on a split since a row was computed: it is stamped anew, even if it is the same."""
    return (
        select(splits.c.symbol_id)
        .where(
            splits.c.symbol_id == table.c.symbol_id,
            table.c.computed_at < func.greatest(splits.c.decided_at, splits.c.undone_at),
        )
        .correlate(table)
        .exists()
    )
