"""Another database with the tables of candles and levels: one of ours, or the old system's. It is only read.

The old system's ids are uuids, its prices ``numeric``, its timeframes any text, its stamps perhaps without a zone. All
of that is looked up, not assumed. Not here: what its rows mean (``moving``), and what is done with them (``comparing``,
``importing``).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from psycopg.sql import SQL, Composed, Identifier, Literal
from sqlalchemy import URL, Connection, create_engine, text

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.daily import LEVELS as DAILY_LEVELS
from tradematrix_pipelines.markets.sessions import Instants
from tradematrix_pipelines.storage.reading import CandleReader
from tradematrix_pipelines.storage.refusals import plain_refusals

_COLUMNS = text("""
    SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped
""")
_NEEDED = {
    "market_symbols": ("id", "symbol"),
    "ohlc": ("symbol_id", "timeframe", "ts", "open", "high", "low", "close"),
}
_LEVELS = (*DAILY_LEVELS, "pivot", "r1", "r2", "r3", "s1", "s2", "s3")
_VALUES = ("open", "high", "low", "close", "volume")
_NAIVE = "timestamp without time zone"


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherSymbol:
    """A row of the other ``market_symbols``; ``id`` as text, ``vendor`` "" where there is no such column."""

    id: str
    vendor: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherSeries:
    """Candles of one symbol and timeframe, as the other database names it; ``first`` and ``last``: stamps, aware."""

    symbol_id: str
    label: str
    rows: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class StampedCandles:
    """Candles as the other database has them, ascending.

    Attributes:
        stamps: taken for UTC.
        columns: those that were asked for and are there, NaN where there is no value.
        created_at: when each row was stored; ``None`` where that is not kept, or was not asked for.
    """

    stamps: Instants
    columns: dict[str, npt.NDArray[np.float64]]
    created_at: Instants | None = None


class OtherDatabase:
    """Such a database, open for reading. A context manager.

    Attributes:
        is_ours: whether this project made its tables.
    """

    def __init__(self, url: URL) -> None:
        """Open it and look at its tables.

        Raises:
            UsageError: it has none of these, or one without a column that is needed.
        """
        self._engine = create_engine(url, execution_options={"postgresql_readonly": True})
        self._reader = CandleReader(url, read_only=True)
        try:
            with _plain_refusals(), self._engine.connect() as connection:
                self._tables = {name: _columns(connection, name) for name in (*_NEEDED, "levels_daily")}
            for name, needed in _NEEDED.items():
                if absent := [column for column in needed if column not in self._tables[name]]:
                    what = f"a table {name} without {', '.join(absent)}" if self._tables[name] else f"no table {name}"
                    raise UsageError(
                        f"database {url.database!r} has {what}: name one with the tables market_symbols, ohlc and "
                        "levels_daily; a schema other than public by ?options=-csearch_path%3Dname"
                    )
        except BaseException:
            self.close()
            raise
        self.is_ours = "stored_at" in self._tables["ohlc"]

    @property
    def levels_are_of_their_day(self) -> bool:
        """Whether ``trade_date`` of a level is the day that it comes from, as in the old system."""
        return "y_trade_date" not in self._tables["levels_daily"]

    def symbols(self) -> list[OtherSymbol]:
        """Return the symbols, by name."""
        vendor = "vendor" if "vendor" in self._tables["market_symbols"] else "''"
        query = f"SELECT id::text, {vendor}, symbol FROM market_symbols ORDER BY symbol, 2"  # noqa: S608 - one of two words
        with _plain_refusals(), self._engine.connect() as connection:
            return [OtherSymbol(id=row[0], vendor=row[1], name=row[2]) for row in connection.execute(text(query))]

    def series(self) -> list[OtherSeries]:
        """Return the series that have candles."""
        query = text(
            "SELECT symbol_id::text, timeframe::text, count(*), min(ts), max(ts) FROM ohlc GROUP BY 1, 2 ORDER BY 1, 2"
        )
        with _plain_refusals(), self._engine.connect() as connection:
            return [
                OtherSeries(symbol_id=row[0], label=row[1], rows=row[2], first=_aware(row[3]), last=_aware(row[4]))
                for row in connection.execute(query)
            ]

    def read_candles(
        self,
        symbol_id: str,
        labels: Sequence[str],
        first: datetime,
        last: datetime,
        *,
        columns: Sequence[str] = _VALUES,
        with_creation: bool = False,
    ) -> StampedCandles:
        """Return the rows of one series with ``first <= ts < last`` (aware), by ``ts``.

        Args:
            labels: how its timeframe is written.
            columns: the values that are read.
            with_creation: whether ``created_at`` is read, where there is one.
        """
        columns = [name for name in columns if name in self._tables["ohlc"]]
        times = ["ts", *(["created_at"] if with_creation and "created_at" in self._tables["ohlc"] else [])]
        is_naive = self._tables["ohlc"]["ts"] == _NAIVE
        bounds = [moment.astimezone(UTC).replace(tzinfo=None) if is_naive else moment for moment in (first, last)]
        query = SQL(
            "SELECT {values} FROM ohlc WHERE symbol_id = {symbol} AND timeframe IN ({labels}) "
            "AND ts >= {first} AND ts < {last} ORDER BY ohlc.ts"
        ).format(
            values=SQL(", ").join([*map(self._time, times), *map(_float, columns)]),
            symbol=Literal(symbol_id),
            labels=SQL(", ").join(map(Literal, labels)),
            first=Literal(bounds[0]),
            last=Literal(bounds[1]),
        )
        with _plain_refusals():
            table = self._reader.read_table(_plain(query))
        stamps, *created_at = (table.column(name).to_numpy().astype("datetime64[us]") for name in times)
        values = {name: table.column(name).to_numpy().astype(np.float64) for name in columns}
        return StampedCandles(stamps, values, created_at[0] if created_at else None)

    def pruned(self, symbol_id: str, timeframe: str) -> list[tuple[date, datetime, datetime]]:
        """Return trade date, open and close of a series' sessions that were pruned, ascending; of ours only."""
        query = text("""
            SELECT trade_date, opens_at, closes_at FROM session_coverage
            WHERE symbol_id::text = :symbol_id AND timeframe::text = :timeframe AND pruned_at IS NOT NULL
                AND status <> 'closed'
            ORDER BY trade_date
        """)
        with _plain_refusals(), self._engine.connect() as connection:
            if "pruned_at" not in _columns(connection, "session_coverage"):
                return []
            rows = connection.execute(query, {"symbol_id": symbol_id, "timeframe": timeframe})
            return [(row[0], row[1], row[2]) for row in rows]

    def _time(self, name: str) -> Composed:
        """Return a column of times as instants."""
        is_naive = self._tables["ohlc"][name] == _NAIVE
        return SQL("{0} AT TIME ZONE 'UTC' AS {0}" if is_naive else "{0}").format(Identifier(name))

    def read_levels(self, symbol_id: str) -> list[tuple[date, Mapping[str, float | None]]]:
        """Return a symbol's levels by the day that they are stored under; of ours by the day that they come from."""
        names = [name for name in _LEVELS if name in self._tables["levels_daily"]]
        if not names:
            return []
        day = "trade_date" if self.levels_are_of_their_day else "y_trade_date"
        query = SQL("SELECT {day}, {values} FROM levels_daily WHERE symbol_id = {symbol} ORDER BY 1").format(
            day=Identifier(day),
            values=SQL(", ").join(map(_float, names)),
            symbol=Literal(symbol_id),
        )
        with _plain_refusals(), self._engine.connect() as connection:
            rows = connection.exec_driver_sql(_plain(query).replace("%", "%%"))
            return [(row[0], dict(zip(names, row[1:], strict=True))) for row in rows]

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _plain_refusals() -> AbstractContextManager[None]:
    advice = "its user needs SELECT on market_symbols, ohlc and levels_daily, and the server has to be up"
    return plain_refusals(whose="the other database", advice=advice)


def _columns(connection: Connection, table: str) -> dict[str, str]:
    """Return the columns of a table on the search path, and their types."""
    return {row[0]: row[1] for row in connection.execute(_COLUMNS, {"table": table})}


def _float(name: str) -> Composed:
    return SQL("{0}::float8 AS {0}").format(Identifier(name))


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _plain(query: Composed) -> str:
    """Return a query whose values are literals without a type: an id may be a number or a uuid, a timeframe an enum."""
    rendered: Any = query.as_string()
    return str(rendered)
